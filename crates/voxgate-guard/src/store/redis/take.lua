-- KEYS, after those of hold.lua: fence, and for a room: worker
-- ARGV, after those of hold.lua: token, tail
local token, tail = ARGV[9], ARGV[10]

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
if now < recovered then return { 'recovering', text(recovered) } end

if kind == 'room' then
  local worker = redis.call('HMGET', KEYS[5], 'state', 'capacity', 'since')
  if not worker[1] then return { 'silent' } end
  if worker[1] ~= 'ready' then return { worker[1], worker[3] } end
  local busy = redis.call('ZCARD', KEYS[3])
  if busy >= tonumber(worker[2]) then
    redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now)
    busy = redis.call('ZCARD', KEYS[3])
    if busy >= tonumber(worker[2]) then return { 'at_capacity', busy, worker[2] } end
  end
end

-- The clock keeps fences growing even when the last one was lost with everything else.
local fence = math.max(tonumber(redis.call('GET', KEYS[4]) or '0') + 1, now)
redis.call('SET', KEYS[4], text(fence))
local member = text(fence) .. '\0' .. text(now) .. '\0' .. token .. '\0' .. tail
return { 'granted', member, hold(member, used + 1) }
