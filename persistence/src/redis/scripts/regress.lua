#!lua
-- Marks a board that has lost the end of its log, unless it has got another mark than the one that whoever asks
-- has seen, or another epoch; nobody owns it then, and no append that is under way lands. Says whether it did, or
-- the epoch.
local p = ARGV[1]
local head = p .. 'head'
local epoch = redis.call('HGET', head, 'epoch')
if not epoch then return nil end
if (redis.call('HGET', head, 'mark') or '') ~= ARGV[2] then return 'marked' end
if epoch ~= ARGV[4] then return epoch end
redis.call('HSET', head, 'mark', ARGV[3])
redis.call('HINCRBY', head, 'epoch', 1)
redis.call('DEL', p .. 'owner')
return 'done'
