#!lua
-- Unlinks those of a board's keys that one step of a scan finds. Says where the next one begins.
local step = redis.call('SCAN', ARGV[2], 'MATCH', ARGV[1], 'COUNT', 1000)
for _, key in ipairs(step[2]) do redis.call('UNLINK', key) end
return step[1]
