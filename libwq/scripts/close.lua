-- close: ends a replay session of a producer and gives up its hold
--
-- ROLES: worker producer admin
-- KEYS: producers replays replay
-- ARGV:
--   session text -- the session to end
--   latest integer ms or_empty -- a session that was heard of later is left alone; empty: none is
-- ANSWERS:
--   1 -- the session is ended
--   0 -- there was no such session, or it was left alone

local seen = redis.call('ZSCORE', KEYS[2], ARGV[1])
if ARGV[2] ~= '' and seen and tonumber(seen) > tonumber(ARGV[2]) then
  return 0
end
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('DEL', KEYS[3])
return redis.call('ZREM', KEYS[2], ARGV[1])
