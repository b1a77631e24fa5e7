#!lua
-- Renews what is still somebody's: for each key, its token and its time. Says for each whether it was.
local renewed = {}
for i, key in ipairs(KEYS) do
    if redis.call('HGET', key, 'token') == ARGV[2 * i - 1] then
        renewed[i] = redis.call('PEXPIRE', key, ARGV[2 * i])
    else
        renewed[i] = 0
    end
end
return renewed
