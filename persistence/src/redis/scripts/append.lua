#!lua
-- Appends a batch with its rows: all, or nothing. Says why not, where it does not continue the log. Nothing
-- is written before everything is checked: a script is not taken back.
local p = ARGV[1]
local head = redis.call('HMGET', p .. 'head', 'epoch', 'seq', 'hash', 'at')
if not head[1] then return 'missing' end
if head[1] ~= ARGV[2] then return 'fenced' end
if head[2] ~= ARGV[3] or head[3] ~= ARGV[4] then
    -- It came before, and its answer was lost on the way.
    if head[2] == ARGV[5] and head[3] == ARGV[6] then return 'done' end
    return 'conflict'
end
if head[2] ~= '0' and tonumber(head[4]) > tonumber(ARGV[8]) then return 'dated' end

-- The next list of the arguments: how many there are, and then they.
local at = 12
local function list()
    local first = at + 1
    at = first + tonumber(ARGV[at])
    return first, at - 1
end

-- Calls a command with the arguments of a list: with as many at once as Lua can pass. Says how many of them
-- were new.
local function bulk(command, key, first, last)
    local new = 0
    for from = first, last, 4000 do
        new = new + redis.call(command, key, unpack(ARGV, from, math.min(from + 3999, last)))
    end
    return new
end

-- The ids of the artifacts, each before its seq.
local first_id, last_id = list()
local seen = {}
for from = first_id, last_id, 4000 do
    local ids = {}
    for i = from, math.min(from + 3999, last_id), 2 do
        local id = ARGV[i]
        if seen[id] then return 'taken' .. id end
        seen[id] = true
        ids[#ids + 1] = id
    end
    local taken = redis.call('HMGET', p .. 'id', unpack(ids))
    for i = 1, #ids do
        if taken[i] then return 'taken' .. ids[i] end
    end
end

redis.call('XADD', p .. 'log', ARGV[5] .. '-0', 'h', ARGV[9], 'b', ARGV[10])
redis.call('ZADD', p .. 'times', ARGV[7], ARGV[11])
redis.call('HSET', p .. 'head', 'seq', ARGV[5], 'hash', ARGV[6], 'at', ARGV[7])
bulk('HSET', p .. 'id', first_id, last_id)
bulk('HSET', p .. 'artifact', list())
bulk('HSET', p .. 'payload', list())
bulk('ZADD', p .. 'stretch', list())
bulk('HSET', p .. 'key', list())
bulk('HSET', p .. 'content', list())
bulk('SADD', p .. 'cancelled', list())
-- For each correlation, what belongs to it.
local function grouped(name)
    local groups = tonumber(ARGV[at])
    at = at + 1
    for _ = 1, groups do
        local key = p .. name .. ARGV[at]
        at = at + 1
        bulk('ZADD', key, list())
    end
end
grouped('correlation:')

-- Takes a closed activation out again.
local function forget(activation, body)
    local hex = string.gsub(string.sub(body, 6, 21), '.', function(byte)
        return string.format('%02x', string.byte(byte))
    end)
    local correlation = string.gsub(hex, '^(........)(....)(....)(....)', '%1-%2-%3-%4-')
    redis.call('HDEL', p .. 'closed', activation)
    redis.call('ZREM', p .. 'order', activation)
    redis.call('ZREM', p .. 'undone', activation)
    redis.call('ZREM', p .. 'closed:' .. correlation, activation)
    redis.call('ZREM', p .. 'dead:' .. correlation, activation)
end
local function forget_all(first, last, step)
    for from = first, last, 4000 do
        local activations = {}
        for i = from, math.min(from + 3999, last), step do
            activations[#activations + 1] = ARGV[i]
        end
        local bodies = redis.call('HMGET', p .. 'closed', unpack(activations))
        for i = 1, #activations do
            if bodies[i] then forget(activations[i], bodies[i]) end
        end
    end
end
local first, last = list()
forget_all(first, last, 1)
first, last = list()
local first_order, last_order = list()
-- What is closed already is in the order already. Hardly ever is anything.
if bulk('ZADD', p .. 'order', first_order, last_order) < (last_order - first_order + 1) / 2 then
    forget_all(first, last, 2)
    bulk('ZADD', p .. 'order', first_order, last_order)
end
bulk('HSET', p .. 'closed', first, last)
bulk('ZADD', p .. 'undone', list())
grouped('closed:')
grouped('dead:')

-- The activations that worked on an artifact, eight bytes each, behind those of earlier batches.
first, last = list()
for from = first, last, 4000 do
    local to = math.min(from + 3999, last)
    local inputs, pairs_of = {}, {}
    for i = from, to, 2 do inputs[#inputs + 1] = ARGV[i] end
    local before = redis.call('HMGET', p .. 'worked_on', unpack(inputs))
    for i = 1, #inputs do
        pairs_of[2 * i - 1] = inputs[i]
        pairs_of[2 * i] = (before[i] or '') .. ARGV[from + 2 * i - 1]
    end
    redis.call('HSET', p .. 'worked_on', unpack(pairs_of))
end
return 'done'
