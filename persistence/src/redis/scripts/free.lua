#!lua
-- Lets others have the board at once.
local key = ARGV[1] .. 'owner'
if redis.call('HGET', key, 'token') == ARGV[2] then return redis.call('DEL', key) end
return 0
