-- promote: moves delayed items that are due to the right end of ready, where they come next
--
-- ROLES: worker admin
-- KEYS: delayed ready
-- ARGV:
--   most integer items 1.. -- how many items to move
--   longest integer ms 86400000..86400000 -- the longest possible delay; a longer one is cut to it
-- ANSWERS:
--   {moved, next} -- how many were moved, and in how many ms the next is due, -1 without one

redis.call('LLEN', KEYS[2])
--@include now
redis.call('PERSIST', KEYS[1]) -- first, since it is allowed at maxmemory
local moved = 0
for _, item in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])) do
  if redis.call('ZREM', KEYS[1], item) == 1 then
    redis.call('RPUSH', KEYS[2], item)
    moved = moved + 1
  end
end
local longest = now + ARGV[2]
for _, item in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. longest, '+inf',
                                 'LIMIT', 0, ARGV[1])) do
  redis.call('ZADD', KEYS[1], longest, item) -- the server's clock went back
end
local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
return {moved, first[2] and math.max(0, math.ceil(first[2] - now)) or -1}
