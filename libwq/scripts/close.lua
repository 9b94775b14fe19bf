-- close: ends a replay session and gives up its hold. Harmless when it is gone already.
--
-- KEYS: producers replays replay
-- ARGV: session, and the latest sign of life in ms at which it may still be ended ('' for any)
-- RETURNS: 1 if there was one, else 0

local seen = redis.call('ZSCORE', KEYS[2], ARGV[1])
if ARGV[2] ~= '' and seen and tonumber(seen) > tonumber(ARGV[2]) then
  return 0
end
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('DEL', KEYS[3])
return redis.call('ZREM', KEYS[2], ARGV[1])
