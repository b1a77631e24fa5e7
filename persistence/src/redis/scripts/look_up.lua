#!lua flags=no-writes
-- What has one of the ids, then what has one of the keys: all as of one moment.
local p = ARGV[1]
local head = redis.call('HGET', p .. 'head', 'seq')
if not head then return false end
local function seqs(key, first, last)
    local found = {}
    for from = first, last, 4000 do
        local some = redis.call('HMGET', p .. key, unpack(ARGV, from, math.min(from + 3999, last)))
        for i = 1, #some do found[#found + 1] = some[i] or '' end
    end
    return found
end
local ids = tonumber(ARGV[2])
local found = seqs('id', 3, 2 + ids)
local by_key = seqs('key', 3 + ids, #ARGV)
for i = 1, #by_key do found[#found + 1] = by_key[i] end
local rows = {}
for i = 1, #found do
    rows[i] = {found[i], found[i] ~= '' and redis.call('HGET', p .. 'artifact', found[i]) or ''}
end
return {head, rows}
