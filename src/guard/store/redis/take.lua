-- KEYS: pool, fence, memory, then for a room: worker, busy; for a resource: usage
-- ARGV: kind, slots, token, tail, term, longest (µs), run, started, keep (ms), name
local pool, kind, slots, token = KEYS[1], ARGV[1], tonumber(ARGV[2]), ARGV[3]
local tail, term, longest = ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local now = clock()
local until_ = lost_at(KEYS[3], ARGV[7], ARGV[8], now, longest) + longest

-- Members are fence, since, token and tail with NULs between; the score is the end of the term.
local used = redis.call('ZCARD', pool)
if used > 0 then
  redis.call('ZREMRANGEBYSCORE', pool, '-inf', now)
  used = redis.call('ZCARD', pool)
  for _, member in ipairs(redis.call('ZRANGE', pool, 0, -1)) do
    local rest = string.match(member, '^%d+%z%d+%z(.*)$')
    if rest == token .. '\0' .. tail then
      return { 'granted', member, redis.call('ZSCORE', pool, member) }
    end
  end
end
if used >= slots then
  local first = redis.call('ZRANGE', pool, 0, 0, 'WITHSCORES')
  return { 'full', used, first[1], first[2] }
end
if now < until_ then return { 'recovering', text(until_) } end

if kind == 'room' then
  local worker = redis.call('HMGET', KEYS[4], 'state', 'capacity', 'since')
  if not worker[1] then return { 'silent' } end
  if worker[1] ~= 'ready' then return { worker[1], worker[3] } end
  local busy = redis.call('ZCARD', KEYS[5])
  if busy >= tonumber(worker[2]) then
    redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', now)
    busy = redis.call('ZCARD', KEYS[5])
    if busy >= tonumber(worker[2]) then return { 'at_capacity', busy, worker[2] } end
  end
end

-- The clock keeps fences growing even when the last one was lost with everything else.
local fence = math.max(tonumber(redis.call('GET', KEYS[2]) or '0') + 1, now)
redis.call('SET', KEYS[2], text(fence))
local member = text(fence) .. '\0' .. text(now) .. '\0' .. token .. '\0' .. tail
local expires = text(now + term)
redis.call('ZADD', pool, expires, member)
redis.call('PEXPIRE', pool, ms(longest))
if kind == 'room' then
  redis.call('ZADD', KEYS[5], expires, member)
  redis.call('PEXPIRE', KEYS[5], ms(longest))
else
  redis.call('HSET', KEYS[4], 'of', slots, 'name', ARGV[10])
  note_peak(KEYS[4], used + 1, now, ARGV[9])
end
return { 'granted', member, expires }
