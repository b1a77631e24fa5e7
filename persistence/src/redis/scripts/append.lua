#!lua
-- Makes the changes of an append, if the head is still as it was when they were worked out. Says whether it did.
local head = redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'hash')
if head[1] ~= ARGV[1] or head[2] ~= ARGV[2] or head[3] ~= ARGV[3] then return 'changed' end
-- The commands, each behind how many words it has.
local at = 4
while at <= #ARGV do
    local last = at + tonumber(ARGV[at])
    redis.call(unpack(ARGV, at + 1, last))
    at = last + 1
end
return 'done'
