-- KEYS: pool, memory, then for a room: busy; for a resource: usage
-- ARGV: kind, slots, member, term, longest (µs), run, started, keep (ms), name
local pool, kind, slots, member = KEYS[1], ARGV[1], tonumber(ARGV[2]), ARGV[3]
local term, longest = tonumber(ARGV[4]), tonumber(ARGV[5])
local now = clock()
local until_ = lost_at(KEYS[2], ARGV[6], ARGV[7], now, longest) + longest

redis.call('ZREMRANGEBYSCORE', pool, '-inf', now)
local used = redis.call('ZCARD', pool)
if not redis.call('ZSCORE', pool, member) then
  -- While a server that lost its memory grants nothing, whoever held something takes it up again.
  if now >= until_ or used >= slots then
    local first = redis.call('ZRANGE', pool, 0, 0, 'WITHSCORES')
    return { 'lost', first[1], first[2] }
  end
  used = used + 1
end
local expires = text(now + term)
redis.call('ZADD', pool, expires, member)
redis.call('PEXPIRE', pool, ms(longest))
if kind == 'room' then
  redis.call('ZADD', KEYS[3], expires, member)
  redis.call('PEXPIRE', KEYS[3], ms(longest))
else
  redis.call('HSET', KEYS[3], 'of', slots, 'name', ARGV[9])
  note_peak(KEYS[3], used, now, ARGV[8])
end
return { 'renewed', expires }
