-- requeue: hands back items that were in processing without a lease for longer than the grace period
--
-- Their worker died, or the reply was lost or late, between pop and lease. They are charged nothing,
-- and go to the left end, behind all others: an item that is too large to arrive in time would
-- otherwise always be the next.
--
-- ROLES: worker admin
-- KEYS: processing ready stats lease...
-- ARGV:
--   each lease
--     item bytes -- the item
-- ANSWERS:
--   back -- how many items are back in ready

local FIXED = 3
redis.call('LLEN', KEYS[2])
redis.call('HEXISTS', KEYS[3], 'id')
local back = 0
for i, item in ipairs(ARGV) do
  if redis.call('EXISTS', KEYS[FIXED + i]) == 0 and
     redis.call('LREM', KEYS[1], -1, item) == 1 then
    redis.call('LPUSH', KEYS[2], item)
    back = back + 1
  end
end
if back > 0 then
  redis.call('HINCRBY', KEYS[3], 'returned', back)
  redis.call('HINCRBY', KEYS[3], 'moved', back)  -- pages of ready count what is put on the left
end
return back
