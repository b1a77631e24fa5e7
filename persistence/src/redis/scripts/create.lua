#!lua
-- Makes the head of a board where there is none. Says which version its keys have.
local head = ARGV[1] .. 'head'
if redis.call('EXISTS', head) == 0 then
    redis.call('HSET', head, 'version', ARGV[2], 'name', ARGV[3], 'incarnation', ARGV[4], 'dev', ARGV[5],
        'epoch', '0', 'seq', '0', 'hash', ARGV[6], 'at', '0')
    if ARGV[7] ~= '' then redis.call('HSET', head, 'mark', ARGV[7]) end
end
return redis.call('HGET', head, 'version')
