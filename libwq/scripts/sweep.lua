-- sweep: lists expired holds of producers and silent replay sessions, and drops holds by name
--
-- ROLES: worker admin
-- KEYS: producers replays
-- ARGV:
--   longest integer ms 3600000..3600000 -- the longest possible hold; a longer one is cut to it
--   silence integer ms 1.. -- the silence that ends a session
--   repeated -- the holds to drop: those the caller has watched for long enough
--     session text -- the session
--     expiry text -- the end of its hold, as answered by the last call
-- ANSWERS:
--   {now, dropped, {session, expiry...}, {session...}, {session, expiry...}}
--     -- the time in ms, how many holds were dropped, the expired holds, the silent sessions, and the
--     -- other holds

--@include now
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
