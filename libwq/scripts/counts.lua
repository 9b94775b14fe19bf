-- counts: reads everything that a queue counts, in one step
--
-- ROLES: worker viewer admin
-- KEYS: ready processing delayed dead producers paused stats
-- ARGV: none
-- ANSWERS:
--   {ready, processing, delayed, dead, producers, paused, {field, value...}}
--     -- the lengths, 1 if the queue is paused, else 0, and stats

return {
  redis.call('LLEN', KEYS[1]),
  redis.call('LLEN', KEYS[2]),
  redis.call('ZCARD', KEYS[3]),
  redis.call('ZCARD', KEYS[4]),
  redis.call('ZCARD', KEYS[5]),
  redis.call('EXISTS', KEYS[6]),
  redis.call('HGETALL', KEYS[7]),
}
