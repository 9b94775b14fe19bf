-- last_due: reads when the last of the delayed items is due, without the item, which may be large
--
-- ROLES: viewer
-- KEYS: delayed
-- ARGV: none
-- ANSWERS:
--   ms -- from now; 0: the item is due already
--   -1 -- nothing is delayed

local last = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')
if not last[2] then
  return -1
end
--@include now
return math.max(0, math.min(tonumber(last[2]) - now, 2 ^ 53))
