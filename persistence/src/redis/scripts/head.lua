#!lua flags=no-writes
-- The head, and the last batch if there is one.
local p = ARGV[1]
local head = redis.call('HMGET', p .. 'head', 'name', 'incarnation', 'dev', 'epoch', 'seq', 'hash', 'at',
    'mark')
local last = {}
if ARGV[2] == 'end' then last = redis.call('XREVRANGE', p .. 'log', '+', '-', 'COUNT', 1) end
return {head, last}
