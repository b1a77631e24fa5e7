#!lua flags=no-writes
-- The head's seq, the last batch before a moment, and the first one at or after another, each as the packed
-- seq of its last event, or nothing.
local p = ARGV[1]
local head = redis.call('HGET', p .. 'head', 'seq')
if not head then return false end
local low, high = {}, {}
if ARGV[2] ~= '' then
    low = redis.call('ZREVRANGEBYSCORE', p .. 'times', '(' .. ARGV[2], '-inf', 'LIMIT', 0, 1)
end
if ARGV[3] ~= '' then
    high = redis.call('ZRANGEBYSCORE', p .. 'times', ARGV[3], '+inf', 'LIMIT', 0, 1)
end
return {head, low[1] or '', high[1] or ''}
