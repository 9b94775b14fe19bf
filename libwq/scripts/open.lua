-- open: begins a replay session of a producer and takes its hold on the queue
--
-- A repeated call changes nothing but the hold, even behind the first pushes of the session. Nor does
-- it make the hash of a session again that Redis has evicted: its pushes would be carried out again.
--
-- ROLES: producer
-- KEYS: ready processing delayed stats producers replays replay
-- ARGV:
--   session text -- the session to begin, 16 hexadecimal digits
--   hold integer ms 1..3600000 -- how long the hold lasts without a sign of life
--   unless_drained flag -- 1: refuse if the queue is drained
--   optional
--     who text -- who the producer is, for people
-- ANSWERS:
--   'ok' -- the session has begun
--   'drained' -- the queue is drained (a hold of this session does not count); nothing was written

local session, hold_ms = ARGV[1], tonumber(ARGV[2])
local begun = redis.call('HEXISTS', KEYS[4], 'id') == 1
local waiting = redis.call('LLEN', KEYS[1]) + redis.call('LLEN', KEYS[2]) +
                redis.call('ZCARD', KEYS[3])
local others = redis.call('ZCARD', KEYS[5])
if redis.call('ZSCORE', KEYS[5], session) then
  others = others - 1
end
redis.call('ZCARD', KEYS[6])
if ARGV[3] == '1' and begun and waiting == 0 and others == 0 then
  return 'drained'
end
--@include now
redis.call('PERSIST', KEYS[7]) -- first, since it is allowed at maxmemory
if redis.call('EXISTS', KEYS[7]) == 1 or not redis.call('ZSCORE', KEYS[6], session) then
  redis.call('HSETNX', KEYS[7], 'floor', 0)
  redis.call('HSET', KEYS[7], 'hold_ms', hold_ms)
  if ARGV[4] then redis.call('HSET', KEYS[7], 'who', ARGV[4]) end
end
redis.call('ZADD', KEYS[6], now, session)
redis.call('ZADD', KEYS[5], now + hold_ms, session)
return 'ok'
