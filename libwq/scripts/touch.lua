-- touch: keeps the hold and the replay session of a producer that pushes nothing at the moment
--
-- ROLES: producer
-- KEYS: ready processing delayed stats producers replays replay
-- ARGV:
--   session text -- the session
--   hold integer ms 1..3600000 -- how long the hold lasts without a sign of life
--   answered integer 0.. -- the number up to which the producer has every answer
-- ANSWERS:
--   'ok' -- the hold is longer
--   'behind' -- the last of these pushes is not executed, since Redis went back to an earlier state
--     -- or has lost the session; nothing was written
--   'holdlost' -- the hold has ended and the queue is drained; nothing was written
--   'purged' -- the queue was purged during the session; nothing was written

local unpack = table.unpack or unpack  -- of Lua 5.4 or 5.1
local session, hold_ms = ARGV[1], ARGV[2]
redis.call('ZCARD', KEYS[6])
local floor, last, purged = unpack(redis.call('HMGET', KEYS[7], 'floor', ARGV[3], 'purged'))
if purged then
  return 'purged'
end
if not floor or not last and tonumber(ARGV[3]) > tonumber(floor) then
  return 'behind'
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
