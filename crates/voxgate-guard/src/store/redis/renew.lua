-- ARGV, after those of hold.lua: member
local member = ARGV[9]
redis.call('ZREMRANGEBYSCORE', pool, '-inf', now)
local used = redis.call('ZCARD', pool)
if not redis.call('ZSCORE', pool, member) then
  -- While a server that lost its memory grants nothing, whoever held something takes it up again.
  if now >= recovered or used >= slots then
    local first = redis.call('ZRANGE', pool, 0, 0, 'WITHSCORES')
    return { 'lost', first[1], first[2] }
  end
  used = used + 1
end
return { 'renewed', hold(member, used) }
