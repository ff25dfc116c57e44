-- Before the steps that may hold a slot.
-- KEYS: pool, memory, for a room: the worker's rooms; for a resource: its usage
-- ARGV: kind, slots, term, longest (µs), run, started, keep (ms), name
local pool, kind, slots = KEYS[1], ARGV[1], tonumber(ARGV[2])
local term, longest = tonumber(ARGV[3]), tonumber(ARGV[4])
local now = clock()
local recovered = lost_at(KEYS[2], ARGV[5], ARGV[6], now, longest) + longest

-- Holds a slot until the end of the term, and says when that is; `used` with this one.
local function hold(member, used)
  local expires = text(now + term)
  redis.call('ZADD', pool, expires, member)
  redis.call('PEXPIRE', pool, ms(longest))
  if kind == 'room' then
    redis.call('ZADD', KEYS[3], expires, member)
    redis.call('PEXPIRE', KEYS[3], ms(longest))
  else
    redis.call('HSET', KEYS[3], 'of', slots, 'name', ARGV[8])
    note_peak(KEYS[3], used, now, ARGV[7])
  end
  return expires
end
