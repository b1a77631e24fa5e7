#!lua flags=no-writes
-- Batches from the one that holds a seq on: at least one, and no more bytes than asked for. How many are
-- looked at doubles, so that few large ones are read for nothing.
local p, max, left = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4])
if redis.call('EXISTS', p .. 'head') == 0 then return false end
local found, total, from, count = {}, 0, ARGV[2] .. '-0', 1
while left > 0 do
    local batches = redis.call('XRANGE', p .. 'log', from, '+', 'COUNT', math.min(count, left))
    if #batches == 0 then break end
    for _, batch in ipairs(batches) do
        total = total + #batch[2][4]
        if #found > 0 and total > max then return found end
        found[#found + 1] = batch
    end
    left = left - #batches
    from = '(' .. batches[#batches][1]
    count = math.min(count * 2, 64)
end
return found
