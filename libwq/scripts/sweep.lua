-- sweep: tells of the holds of producers, and of replay sessions that were silent for long; drops
-- the holds that the caller has watched long enough.
--
-- KEYS: producers replays
-- ARGV: the longest possible hold in ms, the silence in ms that ends a session,
--       then of holds to drop: session, expiry as it was returned
-- RETURNS: {now in ms, holds dropped, {session, expiry, ...} of expired holds,
--          {session, ...} of silent sessions, {session, expiry, ...} of the other holds}

local now = redis.call('TIME')
now = now[1] * 1000 + math.floor(now[2] / 1000)
redis.call('ZCARD', KEYS[2])
redis.call('PERSIST', KEYS[1]) -- first, since it is allowed at maxmemory
local dropped = 0
for a = 3, #ARGV, 2 do
  -- Only if nothing was heard in between.
  if redis.call('ZSCORE', KEYS[1], ARGV[a]) == ARGV[a + 1] then
    dropped = dropped + redis.call('ZREM', KEYS[1], ARGV[a])
  end
end
local longest = now + ARGV[1]
for _, session in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. longest, '+inf')) do
  redis.call('ZADD', KEYS[1], longest, session) -- the server's clock went back
end
return {
  now,
  dropped,
  redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'WITHSCORES'),
  redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now - ARGV[2]),
  redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf', 'WITHSCORES'),
}
