#!lua flags=no-writes
-- The last batch up to a moment, by its seq, and the first one after it.
local p = ARGV[1]
if redis.call('EXISTS', p .. 'head') == 0 then return false end
local before = redis.call('ZREVRANGEBYSCORE', p .. 'times', ARGV[2], '-inf', 'LIMIT', 0, 1)
local after = redis.call('ZRANGEBYSCORE', p .. 'times', '(' .. ARGV[2], '+inf', 'LIMIT', 0, 1)
local batch = {}
if after[1] then
    local id = struct.unpack('>I8', after[1])
    id = string.format('%.0f-0', id)
    batch = redis.call('XRANGE', p .. 'log', id, id)
end
return {before[1] or '', batch}
