-- KEYS: worker, builds of its agent
-- ARGV: tail (worker NUL agent NUL build), state, capacity, build, term, longest (µs)
local now, term = clock(), tonumber(ARGV[5])
redis.call('HSETNX', KEYS[1], 'since', text(now))
redis.call('HSET', KEYS[1], 'tail', ARGV[1], 'state', ARGV[2], 'capacity', ARGV[3], 'expires', text(now + term))
redis.call('PEXPIRE', KEYS[1], ms(term))

redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
local there = tonumber(redis.call('ZSCORE', KEYS[2], ARGV[4]) or '0')
redis.call('ZADD', KEYS[2], text(math.max(there, now + term)), ARGV[4])
redis.call('PEXPIRE', KEYS[2], ms(tonumber(ARGV[6])))
local builds = redis.call('ZRANGE', KEYS[2], 0, -1)
table.sort(builds)
return builds
