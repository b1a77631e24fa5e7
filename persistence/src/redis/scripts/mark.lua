#!lua
-- Marks a board, or takes its mark away, if it still has this epoch. Says the epoch that it has.
local head = ARGV[1] .. 'head'
local epoch = redis.call('HGET', head, 'epoch')
if epoch == ARGV[2] then
    if ARGV[3] == '' then redis.call('HDEL', head, 'mark')
    else redis.call('HSET', head, 'mark', ARGV[3]) end
end
return epoch
