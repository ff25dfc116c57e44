-- KEYS: pool, and for a room: busy
-- ARGV: member
local ends = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not ends then return 0 end
redis.call('ZREM', KEYS[1], ARGV[1])
if KEYS[2] then redis.call('ZREM', KEYS[2], ARGV[1]) end
return tonumber(ends) > clock() and 1 or 0
