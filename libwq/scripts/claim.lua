-- claim: draws the fence of one item that BRPOPLPUSH has moved to processing, as pop does
--
-- ROLES: worker
-- KEYS: processing fence stats attempts crashes checkpoints
-- ARGV:
--   queue_id text -- an id for the queue in case it has none
-- ANSWERS:
--   {fence, tried} -- tried: 1 or more if some item of the queue failed before or has a checkpoint, else 0

redis.call('HEXISTS', KEYS[3], 'id')
redis.call('PERSIST', KEYS[2])
if not redis.call('GET', KEYS[2]) then
  local time = redis.call('TIME')  -- as attach raises it: later than any that was ever drawn
  redis.call('SET', KEYS[2], string.format('%.0f', time[1] * 1000000 + time[2]))
end
local fence = redis.call('INCR', KEYS[2])
redis.call('HINCRBY', KEYS[3], 'leased', 1)
redis.call('HSETNX', KEYS[3], 'id', ARGV[1])
return {fence, redis.call('EXISTS', KEYS[4], KEYS[5], KEYS[6])}
