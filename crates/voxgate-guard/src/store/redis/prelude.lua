-- Before every step. Times are microseconds by the server's clock; numbers are written out in full,
-- since Lua would round them to 14 digits.
local function text(number) return string.format('%.0f', number) end

-- Redis takes whole milliseconds only.
local function ms(us) return math.ceil(us / 1000) end

local function clock()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000000 + tonumber(t[2])
end

-- When this server lost what it knew: at its start, if it knows nothing; now, if another run of it (or the
-- server it replicated) wrote what it knows. Written down at the first step of a run, with the longest
-- lease for whoever looks from outside.
local function lost_at(key, run, started, now, longest)
  local known = redis.call('GET', key)
  if known then
    local known_run, at = string.match(known, '^([^:]*):(%d+):')
    if known_run == run then return tonumber(at) end
    started = text(now)
  end
  redis.call('SET', key, run .. ':' .. started .. ':' .. text(longest))
  return tonumber(started)
end

-- The highest number at a day of the last seven, kept in a hash as d:<day>.
local function note_peak(key, used, now, keep_ms)
  local day = math.floor(now / 86400000000)
  local field = 'd:' .. text(day)
  local peak = redis.call('HGET', key, field)
  if peak and tonumber(peak) >= used then return end
  redis.call('HSET', key, field, text(used))
  redis.call('PEXPIRE', key, keep_ms)
  if not peak then
    for _, old in ipairs(redis.call('HKEYS', key)) do
      local of = string.match(old, '^d:(%d+)$')
      if of and tonumber(of) + 7 <= day then redis.call('HDEL', key, old) end
    end
  end
end
