-- last_due: when the last of the delayed items is due. Without the item, which may be large.
--
-- KEYS: delayed
-- ARGV: none
-- RETURNS: ms from now, 0 if it is due already, or -1 if nothing is delayed

local last = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')
if not last[2] then
  return -1
end
local now = redis.call('TIME')
now = now[1] * 1000 + math.floor(now[2] / 1000)
return math.max(0, math.min(tonumber(last[2]) - now, 2 ^ 53))
