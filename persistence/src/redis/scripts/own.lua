#!lua
-- Takes the board over, unless somebody else's time is not over, and raises the epoch, if that is what whoever
-- asks believes. Says who owns it otherwise. What is marked is owned
-- by whoever the mark is for alone.
local p = ARGV[1]
local key = p .. 'owner'
local token = redis.call('HGET', key, 'token')
if token and token ~= ARGV[2] then
    return {'owned', redis.call('HMGET', key, 'pid', 'program', 'endpoint')}
end
local epoch = redis.call('HGET', p .. 'head', 'epoch')
if not epoch then return {'missing'} end
if epoch ~= ARGV[7] then return {'epoch'} end
local mark = redis.call('HGET', p .. 'head', 'mark')
local bears = ARGV[9]
if mark and (bears == '' or string.sub(mark, 1, #bears) ~= bears) then return {'marked', mark} end
redis.call('HINCRBY', p .. 'head', 'epoch', ARGV[8])
redis.call('DEL', key)
redis.call('HSET', key, 'token', ARGV[2], 'pid', ARGV[4], 'program', ARGV[5])
if ARGV[6] ~= '' then redis.call('HSET', key, 'endpoint', ARGV[6]) end
redis.call('PEXPIRE', key, ARGV[3])
return {'done'}
