-- touch: a sign of life of a producer that pushes nothing at the moment. Keeps its hold and its
-- replay session.
--
-- KEYS: ready processing delayed stats producers replays replay
-- ARGV: session, hold in ms
-- RETURNS: 'ok', or, with nothing written, 'holdlost' when our hold is gone and the queue is drained,
--          'purged' when the queue was purged during the session

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
local now = redis.call('TIME')
now = now[1] * 1000 + math.floor(now[2] / 1000)
redis.call('PERSIST', KEYS[5]) -- first, since it is allowed at maxmemory
redis.call('ZADD', KEYS[5], now + hold_ms, session)
redis.call('ZADD', KEYS[6], now, session)
return 'ok'
