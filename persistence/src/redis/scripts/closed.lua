#!lua flags=no-writes
-- Closed activations between two ids, up or down: those with one of the outcomes, of one of the agents and of
-- the correlation, as far as that is asked. Looks at a bounded number of them, and says how far it came.
local p, by, of = ARGV[1], ARGV[2], ARGV[3]
local low, high, up = ARGV[4], ARGV[5], ARGV[6] == 'up'
local wanted, looks = tonumber(ARGV[7]), tonumber(ARGV[8])
local outcomes, correlation = ARGV[9], ARGV[10]
local agents, any_agent = {}, #ARGV == 10
for i = 11, #ARGV do agents[ARGV[i]] = true end
local head = redis.call('HGET', p .. 'head', 'seq')
if not head then return false end

local found = {}
local function look(activation)
    local body = redis.call('HGET', p .. 'closed', activation)
    if body and string.find(outcomes, string.sub(body, 1, 1), 1, true)
        and (any_agent or agents[string.sub(body, 2, 5)])
        and (correlation == '' or string.sub(body, 6, 21) == correlation) then
        found[#found + 1] = {activation, body}
    end
    return #found >= wanted
end

if by == 'input' then
    local packed, numbers, seen = redis.call('HGET', p .. 'worked_on', of) or '', {}, {}
    for i = 1, #packed, 8 do
        local number = struct.unpack('>I8', packed, i)
        if number > tonumber(low) and number < tonumber(high) and not seen[number] then
            seen[number] = true
            numbers[#numbers + 1] = number
        end
    end
    table.sort(numbers, function(a, b) if up then return a < b else return a > b end end)
    for at, number in ipairs(numbers) do
        local activation = string.format('%.0f', number)
        if look(activation) then break end
        if at == looks then return {head, found, activation} end
    end
    return {head, found, ''}
end
local key = p .. by
while true do
    local some
    if up then
        some = redis.call('ZRANGEBYSCORE', key, '(' .. low, '(' .. high, 'LIMIT', 0, 200)
    else
        some = redis.call('ZREVRANGEBYSCORE', key, '(' .. high, '(' .. low, 'LIMIT', 0, 200)
    end
    for _, activation in ipairs(some) do
        if look(activation) then return {head, found, ''} end
        if up then low = activation else high = activation end
    end
    looks = looks - #some
    if #some < 200 then return {head, found, ''} end
    if looks <= 0 then return {head, found, up and low or high} end
end
