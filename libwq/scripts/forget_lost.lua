-- forget_lost: takes items that are counted as lost from the counters: somebody has pushed them again
--
-- ROLES: admin
-- KEYS: stats
-- ARGV:
--   most integer items 0.. -- how many at most
-- ANSWERS:
--   forgotten -- how many

local n = math.min(tonumber(ARGV[1]), tonumber(redis.call('HMGET', KEYS[1], 'lost')[1] or 0))
if n > 0 then
  redis.call('HINCRBY', KEYS[1], 'lost', -n)
  redis.call('HINCRBY', KEYS[1], 'pushed', -n)
  redis.call('HINCRBY', KEYS[1], 'moved', n)
end
return n
