#!lua flags=no-writes
-- What is recorded of a correlation among what is closed.
local p, correlation = ARGV[1], ARGV[2]
local head = redis.call('HGET', p .. 'head', 'seq')
if not head then return false end
return {
    head,
    redis.call('EXISTS', p .. 'correlation:' .. correlation),
    redis.call('ZCARD', p .. 'dead:' .. correlation),
    redis.call('SISMEMBER', p .. 'cancelled', correlation),
}
