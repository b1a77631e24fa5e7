#!lua
-- Makes a snapshot whose parts are written to be there, and drops all but the newest.
local p, seq = ARGV[1], ARGV[2]
local batch = redis.call('XRANGE', p .. 'log', seq .. '-0', seq .. '-0')
if not batch[1] or string.sub(batch[1][2][2], -32) ~= ARGV[3] then return 0 end
local part = p .. 'snapshot:' .. seq
redis.call('DEL', part)
if redis.call('EXISTS', p .. 'new:' .. ARGV[5]) == 1 then
    redis.call('RENAME', p .. 'new:' .. ARGV[5], part)
end
redis.call('HSET', part, 'batch', ARGV[3], 'state', ARGV[4])
redis.call('PERSIST', part)
redis.call('ZADD', p .. 'snapshots', seq, seq)
for _, old in ipairs(redis.call('ZREVRANGE', p .. 'snapshots', ARGV[6], -1)) do
    redis.call('UNLINK', p .. 'snapshot:' .. old)
    redis.call('ZREM', p .. 'snapshots', old)
end
return 1
