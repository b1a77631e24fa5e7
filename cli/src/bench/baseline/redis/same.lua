#!lua
-- Compares a step of one key with another of the same kind. Says where the next step begins ('0' at the end),
-- how many entries there are, and how many of those that it looked at the other does not have.
local one, other, from = KEYS[1], KEYS[2], ARGV[1]
local of = redis.call('TYPE', one).ok
local next, len, missing = '0', 0, 0

local function look(count, scan, get)
    len = redis.call(count, one)
    if len ~= redis.call(count, other) then missing = missing + 1 end
    local step = redis.call(scan, one, from, 'COUNT', 1000)
    next = step[1]
    for i = 1, #step[2], 2 do
        if redis.call(get, other, step[2][i]) ~= step[2][i + 1] then missing = missing + 1 end
    end
end

if of == 'hash' then
    look('HLEN', 'HSCAN', 'HGET')
elseif of == 'zset' then
    look('ZCARD', 'ZSCAN', 'ZSCORE')
elseif of == 'stream' then
    len = redis.call('XLEN', one)
    if len ~= redis.call('XLEN', other) then missing = missing + 1 end
    local start = from == '0' and '-' or from
    local ours = redis.call('XRANGE', one, start, '+', 'COUNT', 100)
    local theirs = redis.call('XRANGE', other, start, '+', 'COUNT', 100)
    for i, entry in ipairs(ours) do
        local beside = theirs[i] or { '', {} }
        local same = entry[1] == beside[1] and #entry[2] == #beside[2]
        for field, value in ipairs(entry[2]) do same = same and value == beside[2][field] end
        if not same then missing = missing + 1 end
    end
    if #ours == 100 then next = '(' .. ours[100][1] end
else
    return redis.error_reply('there is a ' .. of .. ' among the keys')
end
return { next, len, missing }
