-- counts: everything a queue counts, in one atomic read.
--
-- KEYS: ready processing delayed dead producers paused stats
-- ARGV: none
-- RETURNS: {ready, processing, delayed, dead, producers, 1 if paused, {field, value, ...} of stats}

return {
  redis.call('LLEN', KEYS[1]),
  redis.call('LLEN', KEYS[2]),
  redis.call('ZCARD', KEYS[3]),
  redis.call('ZCARD', KEYS[4]),
  redis.call('ZCARD', KEYS[5]),
  redis.call('EXISTS', KEYS[6]),
  redis.call('HGETALL', KEYS[7]),
}
