-- push: adds items on the left of ready, once for each number of a session however often it arrives
--
-- Items behind the first may follow the call, which spares Redis a Lua string for each:
--   MULTI, this call, LPUSHX pushing item..., RENAMENX pushing ready, EXEC
-- An accepted call moves ready to the key pushing, which exists at no other time. A refused call
-- leaves no such key, so the commands behind it change nothing. A script could not take the last
-- step: Redis may refuse it to a script after it has admitted the transaction.
--
-- ROLES: producer
-- KEYS: ready processing delayed stats producers replays seen replay pushing
-- ARGV:
--   session text -- the session of the producer
--   number integer 1.. -- the number of this push in the session
--   answered integer 0.. -- the number up to which the producer has every answer
--   hold integer ms 1..3600000 -- how long the hold lasts without a sign of life
--   queue_id text -- an id for the queue in case it has none
--   once flag -- 1: skip items that were ever pushed with this flag
--   following integer items 0.. -- how many items follow the call; 0 if once is 1
--   repeated
--     item bytes -- an item
--   optional -- if once is 1
--     each item
--       hash sha224 -- the SHA-224 of the item, 28 bytes
-- ANSWERS:
--   added -- how many items were added, also when the push is repeated
--   'nosession' -- Redis does not know the session; nothing was written
--   'stale' -- the push was answered before; nothing was written
--   'holdlost' -- the hold has ended and the queue is drained; nothing was written
--   'purged' -- the queue was purged during the session; nothing was written
-- ERRORS:
--   OOM -- Redis is at maxmemory; nothing was written
--   WRONGTYPE -- the key pushing is in the way; nothing was written

local ready, processing, delayed, stats, producers, replays, seen, replay, pushing = unpack(KEYS)
local session, number, answered, hold_ms = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local once, following = ARGV[6] == '1', tonumber(ARGV[7])
local floor, before, purged = unpack(redis.call('HMGET', replay, 'floor', ARGV[2], 'purged'))
if purged then
  return 'purged'
end
if not floor then
  return 'nosession'
end
floor = tonumber(floor)
if before then
  return tonumber(before)
end
if number <= floor then
  return 'stale'
end
local begun = redis.call('HEXISTS', stats, 'id') == 1
redis.call('ZCARD', replays)
if not redis.call('ZSCORE', producers, session) and begun and
   redis.call('LLEN', ready) + redis.call('LLEN', processing) +
   redis.call('ZCARD', delayed) + redis.call('ZCARD', producers) == 0 then
  return 'holdlost'
end

local first, n = 8, #ARGV - 7
if once then
  n = n / 2
  local known = redis.call('SMISMEMBER', seen, unpack(ARGV, first + n))
  local fresh, hashes, here = {}, {}, {}
  for i = 1, n do
    local hash = ARGV[first + n + i - 1]
    if known[i] == 0 and not here[hash] then
      here[hash] = true
      fresh[#fresh + 1] = ARGV[first + i - 1]
      hashes[#hashes + 1] = hash
    end
  end
  n = #fresh
  if n > 0 then
    redis.call('LPUSH', ready, unpack(fresh))
    redis.call('SADD', seen, unpack(hashes))
  end
else
  local list = ready
  if following > 0 then
    if redis.call('LLEN', ready) > 0 and redis.call('RENAMENX', ready, pushing) == 0 then
      return redis.error_reply('WRONGTYPE the key ' .. pushing .. ' is in the way')
    end
    list = pushing
  end
  -- The first write or next to it: at maxmemory the push is refused as a whole.
  redis.call('LPUSH', list, unpack(ARGV, first))
  n = n + following
end
if not begun then
  redis.call('HSET', stats, 'id', ARGV[5])
end
redis.call('HINCRBY', stats, 'pushed', n)

--@include now
redis.call('HSET', replay, ARGV[2], n, 'floor', math.max(floor, answered))
for old = floor + 1, answered do
  redis.call('HDEL', replay, old)
end
redis.call('ZADD', replays, now, session)
redis.call('ZADD', producers, now + hold_ms, session)
return n
