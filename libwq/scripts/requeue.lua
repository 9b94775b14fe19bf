-- requeue: hands back items that have been in processing without a lease for longer than the
-- grace period: their worker died, or the reply was lost or late, between pop and lease. Charges
-- nothing. They go to the left end, behind all others: one that is too large to arrive in time would
-- otherwise be the next again, and nothing else would ever be.
--
-- KEYS: processing ready stats lease...
-- ARGV: item...
-- RETURNS: the number of items back in ready

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
