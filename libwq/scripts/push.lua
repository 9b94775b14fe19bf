-- push: adds items on the left of ready, once for each number of a session however often it arrives
--
-- An item with a delay is added to delayed; an equal item there takes the new time and is counted in
-- merged. Items of one call may have once-keys and delays or not, each by itself.
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
--   after integer 0.. -- the number of the push before this one; 0: this is the first
--   answered integer 0.. -- the number up to which the producer has every answer
--   hold integer ms 1..3600000 -- how long the hold lasts without a sign of life
--   queue_id text -- an id for the queue in case it has none
--   once flag -- 1: skip each item whose once-key was seen before, and remember the others
--   following integer items 0.. -- how many items follow the call; 0 if once or waits is 1
--   waits flag -- 1: items have delays
--   again flag -- 1: Redis had confirmed this push before it went back to an earlier state
--   repeated
--     item bytes -- an item
--   optional -- if once is 1
--     each item
--       hash sha224 or_empty -- the SHA-224 of its once-key, 28 bytes; empty: it has none
--   optional -- if waits is 1
--     each item
--       delay integer ms 0..86400000 -- how long it waits in delayed; 0: it goes to ready
-- ANSWERS:
--   added -- how many items were added, also when the push is repeated
--   'nosession' -- Redis does not know the session; nothing was written
--   'stale' -- the push was answered before; nothing was written
--   'behind' -- the push before this one is not executed, since Redis went back to an earlier state;
--     -- nothing was written
--   'holdlost' -- the hold has ended and the queue is drained; nothing was written
--   'purged' -- the queue was purged during the session; nothing was written
-- ERRORS:
--   OOM -- Redis is at maxmemory; nothing was written
--   WRONGTYPE -- the key pushing is in the way; nothing was written

local unpack = table.unpack or unpack  -- of Lua 5.4 or 5.1
local ready, processing, delayed, stats, producers, replays, seen, replay, pushing = unpack(KEYS)
local session, number, answered, hold_ms = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[4]), ARGV[5]
local once, following, waits, again = ARGV[7] == '1', tonumber(ARGV[8]), ARGV[9] == '1', ARGV[10] == '1'
local floor, before, last, purged =
  unpack(redis.call('HMGET', replay, 'floor', ARGV[2], ARGV[3], 'purged'))
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
if tonumber(ARGV[3]) > floor and not last then
  return 'behind'
end
local begun = redis.call('HEXISTS', stats, 'id') == 1
redis.call('ZCARD', replays)
if not redis.call('ZSCORE', producers, session) and begun and
   redis.call('LLEN', ready) + redis.call('LLEN', processing) +
   redis.call('ZCARD', delayed) + redis.call('ZCARD', producers) == 0 then
  return 'holdlost'
end

--@include now
local first, n, put_off, merged = 11, #ARGV - 10, 0, 0
if once or waits then
  n = math.floor(n / (1 + (once and 1 or 0) + (waits and 1 or 0)))
  local known = once and redis.call('SMISMEMBER', seen, unpack(ARGV, first + n, first + 2 * n - 1))
  redis.call('ZCARD', delayed)
  local fresh, later, hashes, here = {}, {}, {}, {}
  for i = 1, n do
    local hash = once and ARGV[first + n + i - 1] or ''
    if hash == '' or known[i] == 0 and not here[hash] then
      if hash ~= '' then
        here[hash] = true
        hashes[#hashes + 1] = hash
      end
      local delay = waits and tonumber(ARGV[#ARGV - n + i]) or 0
      if delay > 0 then
        later[#later + 1] = now + delay
        later[#later + 1] = ARGV[first + i - 1]
      else
        fresh[#fresh + 1] = ARGV[first + i - 1]
      end
    end
  end
  put_off = math.floor(#later / 2)
  n = #fresh + put_off
  -- At maxmemory Redis refuses the first of the writes, whichever it is, and so the whole push.
  if #fresh > 0 then
    redis.call('LPUSH', ready, unpack(fresh))
  end
  if put_off > 0 then
    merged = put_off - redis.call('ZADD', delayed, unpack(later))
  end
  if #hashes > 0 then
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
  redis.call('HSET', stats, 'id', ARGV[6])
end
redis.call('HINCRBY', stats, 'pushed', n)
if put_off > 0 then
  -- pushed and moved together count what is put on the left of ready.
  redis.call('HINCRBY', stats, 'moved', -put_off)
  redis.call('HINCRBY', stats, 'merged', merged)
end
if again then
  -- Those that are counted as lost are counted in pushed.
  local back = math.min(n, tonumber(redis.call('HMGET', stats, 'lost')[1] or 0))
  if back > 0 then
    redis.call('HINCRBY', stats, 'pushed', -back)
    redis.call('HINCRBY', stats, 'moved', back)
    redis.call('HINCRBY', stats, 'lost', -back)
  end
  redis.call('HINCRBY', stats, 'recovered', n)
end
redis.call('HSET', replay, ARGV[2], n, 'floor', math.max(floor, answered))
redis.call('HINCRBY', replay, 'added', n)
for old = floor + 1, answered do
  redis.call('HDEL', replay, old)
end
redis.call('ZADD', replays, now, session)
redis.call('ZADD', producers, now + hold_ms, session)
return n
