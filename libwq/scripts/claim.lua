-- claim: draws the fence of one item that BRPOPLPUSH has moved to processing, as pop does
--
-- The answer to a long wait may come late, when a reclaimer has returned the item. And the queue may
-- have been paused during the wait. So a worker that has waited long names the item.
--
-- ROLES: worker
-- KEYS: processing fence stats attempts crashes checkpoints ready paused
-- ARGV:
--   queue_id text -- an id for the queue in case it has none
--   optional -- after a wait of more than a second
--     item bytes -- the item
-- ANSWERS:
--   {fence, tried} -- tried: 1 or more if some item of the queue failed before or has a checkpoint, else 0
--   {} -- the item is not in processing any more; or the queue is paused, and the item is ready again

redis.call('HEXISTS', KEYS[3], 'id')
redis.call('LLEN', KEYS[7])
if ARGV[2] then
  -- To where it came: a later fence is further left.
  if redis.call('LREM', KEYS[1], 1, ARGV[2]) == 0 then
    return {}
  end
  if redis.call('EXISTS', KEYS[8]) == 1 then
    redis.call('RPUSH', KEYS[7], ARGV[2])
    return {}
  end
  redis.call('LPUSH', KEYS[1], ARGV[2])
end
redis.call('PERSIST', KEYS[2])
if not redis.call('GET', KEYS[2]) then
  local time = redis.call('TIME')  -- as attach raises it: later than any that was ever drawn
  redis.call('SET', KEYS[2], string.format('%.0f', time[1] * 1000000 + time[2]))
end
local fence = redis.call('INCR', KEYS[2])
redis.call('HINCRBY', KEYS[3], 'leased', 1)
redis.call('HSETNX', KEYS[3], 'id', ARGV[1])
return {fence, redis.call('EXISTS', KEYS[4], KEYS[5], KEYS[6])}
