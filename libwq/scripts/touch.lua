-- touch: keeps the hold and the replay session of a producer that pushes nothing at the moment
--
-- ROLES: producer
-- KEYS: ready processing delayed stats producers replays replay
-- ARGV:
--   session text -- the session
--   hold integer ms 1..3600000 -- how long the hold lasts without a sign of life
-- ANSWERS:
--   'ok' -- the hold is longer
--   'holdlost' -- the hold has ended and the queue is drained; nothing was written
--   'purged' -- the queue was purged during the session; nothing was written

local session, hold_ms = ARGV[1], ARGV[2]
redis.call('ZCARD', KEYS[6])
if redis.call('HEXISTS', KEYS[7], 'purged') == 1 then
  return 'purged'
end
if not redis.call('ZSCORE', KEYS[5], session) and
   redis.call('HEXISTS', KEYS[4], 'id') == 1 and
   redis.call('LLEN', KEYS[1]) + redis.call('LLEN', KEYS[2]) +
   redis.call('ZCARD', KEYS[3]) + redis.call('ZCARD', KEYS[5]) == 0 then
  return 'holdlost'
end
--@include now
redis.call('PERSIST', KEYS[5]) -- first, since it is allowed at maxmemory
redis.call('ZADD', KEYS[5], now + hold_ms, session)
redis.call('ZADD', KEYS[6], now, session)
return 'ok'
