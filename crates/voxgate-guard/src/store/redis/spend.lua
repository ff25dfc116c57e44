-- KEYS: budget, memory
-- ARGV: kind, n, per (µs), amount, slices, run, started, keep (ms), name, longest (µs)
-- The budget's hash has s:<slice> amounts, d:<day> peaks, n and the name.
local key, kind, n, per, amount = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local now = clock()
local lost = lost_at(KEYS[2], ARGV[6], ARGV[7], now, tonumber(ARGV[10]))

local width = kind == 'sliding' and math.max(1, math.floor(per / tonumber(ARGV[5])))
local index = width and math.floor(now / width) or month_of(now)
local function leaves_at(slice)
  return width and (slice + 1) * width + per or month_start(slice + 1)
end

local used, slices, fields = 0, {}, redis.call('HGETALL', key)
for i = 1, #fields, 2 do
  local slice = tonumber(string.match(fields[i], '^s:(%d+)$'))
  if slice and leaves_at(slice) <= now then
    redis.call('HDEL', key, fields[i])
  elseif slice then
    local there = tonumber(fields[i + 1])
    used = used + there
    slices[#slices + 1] = { slice, there }
  end
end

-- For one window after the server lost its memory, what it forgot counts as spent evenly before that.
local forgotten = 0
if kind == 'sliding' and now < lost + per then forgotten = math.ceil(n * (lost + per - now) / per) end

if used + forgotten + amount > n then
  if amount > n then return { 'over', text(used) } end
  if used + amount <= n then return { 'over', text(used), text(lost + per - math.floor(per * (n - used - amount) / n)) } end
  table.sort(slices, function(a, b) return a[1] < b[1] end)
  local left = used
  for _, slice in ipairs(slices) do
    left = left - slice[2]
    if left + amount <= n then return { 'over', text(used), text(leaves_at(slice[1])) } end
  end
end
redis.call('HSET', key, 'n', ARGV[2], 'name', ARGV[9])
redis.call('HINCRBY', key, 's:' .. text(index), ARGV[4])
redis.call('PEXPIRE', key, ARGV[8])
note_peak(key, used + amount, now, ARGV[8])
return { 'counted', text(used + amount) }
