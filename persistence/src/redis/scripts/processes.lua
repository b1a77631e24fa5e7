#!lua
-- The live processes that share boards. Tells of one of them where its time is given, or that it is gone where that
-- is 0; and says of all others what they told. What nobody told anew in time is gone by itself.
local all, mine, time = KEYS[1], ARGV[1] .. ARGV[2], ARGV[3]
if time ~= '' then
    redis.call('DEL', mine)
    if time == '0' then return redis.call('SREM', all, ARGV[2]) end
    redis.call('HSET', mine, 'pid', ARGV[4], 'program', ARGV[5], 'wants', ARGV[6], 'owns', ARGV[7])
    redis.call('PEXPIRE', mine, time)
    redis.call('SADD', all, ARGV[2])
    redis.call('PEXPIRE', all, 3600000)
end
local others = {}
for _, token in ipairs(redis.call('SMEMBERS', all)) do
    if token ~= ARGV[2] then
        local key = ARGV[1] .. token
        local left = redis.call('PTTL', key)
        if left >= 0 then
            local told = redis.call('HMGET', key, 'wants', 'owns')
            others[#others + 1] = {token, told[1], told[2], left}
        elseif time ~= '' then
            redis.call('SREM', all, token)
        end
    end
end
return others
