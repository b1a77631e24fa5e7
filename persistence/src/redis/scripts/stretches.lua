#!lua flags=no-writes
-- The next stretches of each kind and number between two seqs, up or down; each as its packed member.
local key, up, count = ARGV[1] .. 'stretch', ARGV[2] == 'up', tonumber(ARGV[5])
local found = {}
for i = 6, #ARGV do
    local of = ARGV[i]
    local some
    if up then
        some = redis.call('ZRANGEBYLEX', key, '(' .. of .. ARGV[3] .. string.rep('\255', 8),
            '[' .. of .. string.rep('\255', 16), 'LIMIT', 0, count)
    else
        -- One that goes beyond the upper seq may begin below it.
        some = redis.call('ZRANGEBYLEX', key, '[' .. of .. ARGV[4], '[' .. of .. string.rep('\255', 16),
            'LIMIT', 0, 1)
        local below = redis.call('ZREVRANGEBYLEX', key, '(' .. of .. ARGV[4], '[' .. of .. ARGV[3],
            'LIMIT', 0, count)
        for j = 1, #below do some[#some + 1] = below[j] end
    end
    found[#found + 1] = some
end
return found
