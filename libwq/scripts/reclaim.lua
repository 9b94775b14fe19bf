-- reclaim: hands back items whose lease ran out, and buries those that crashed too often
--
-- The key of a lease outlives the lease by a tail, so that a lease that ran out is told from one
-- that was never set. The list of items may be stale: everything is looked at again. An item is
-- charged a crash, but its last one only if the lease has the mark of isolate: then its worker held
-- nothing else, so nothing else can be why it died.
--
-- ROLES: worker admin
-- KEYS: processing ready dead crashes failures stats workers lease...
-- ARGV:
--   tail integer ms -1..3600000 -- how long the key of a lease outlives the lease; -1: none ran out
--   longest integer ms 90000000..90000000 -- the longest possible life of such a key
--   max_crashes integer crashes 1.. or_empty -- crashes until an item is dead; empty: as in stats
--   each lease
--     item bytes -- the item
-- ANSWERS:
--   {back, dead, {position...}} -- how many items are in ready, how many are dead, and the positions
--     -- of items whose lease a RedisWQ client has set

local unpack = table.unpack or unpack  -- of Lua 5.4 or 5.1
local processing, ready, dead, crashes, failures, stats, workers = unpack(KEYS, 1, 7)
local tail, longest = tonumber(ARGV[1]), tonumber(ARGV[2])
local FIXED, ITEMS, USUAL_BUDGET = 7, 3, 3
redis.call('LLEN', ready)
redis.call('ZCARD', dead)
redis.call('HLEN', crashes)
redis.call('HLEN', failures)
redis.call('HLEN', workers)
local said = redis.call('HGET', stats, 'max_crashes')
local budget = tonumber(ARGV[3]) or tonumber(said or '') or USUAL_BUDGET
-- So many crashes beside others are counted: with a budget of 1, too, one must be, since an item
-- that was in one is tried alone.
local most_shared = math.max(budget - 1, 1)
--@include now

-- What the holder's last sign of life said of who and where it was, as members of the failure.
local function who_and_where(holder)
  local entry = redis.call('HGET', workers, string.match(holder, '^[^#]*'))
  local _, sign = pcall(cjson.decode, entry)
  if type(sign) ~= 'table' then return '' end
  local members = ''
  if type(sign.label) == 'string' then members = ',"worker":' .. cjson.encode(sign.label) end
  if type(sign.host) == 'string' then members = members .. ',"host":' .. cjson.encode(sign.host) end
  return members
end

-- Charges a crash; true if it was the last.
local function charge(sha, alone)
  if not alone then
    local so_far = tonumber(redis.call('HGET', crashes, sha) or 0)
    if so_far >= most_shared then return false end
  end
  return redis.call('HINCRBY', crashes, sha, 1) >= budget and alone
end

-- MGET passes over a key of another type, so that one of those keeps no other item waiting.
local holders = redis.call('MGET', unpack(KEYS, FIXED + 1))
local back, buried, merged, foreign = 0, 0, 0, {}
for i, holder in ipairs(holders) do
  local lease, item = KEYS[FIXED + i], ARGV[ITEMS + i]
  if holder and not string.find(holder, '#', 1, true) then
    foreign[#foreign + 1] = i
  elseif holder then
    local left = redis.call('PTTL', lease)
    if left == -1 or left > longest then
      -- The clock went back, or somebody took the expiry away: it must run out some day.
      redis.call('PEXPIRE', lease, longest)
    elseif left >= 0 and left <= tail then
      local removed = redis.call('LREM', processing, -1, item)
      redis.call('DEL', lease)
      if removed == 1 then
        local sha = string.sub(lease, -56)
        local alone = string.sub(holder, -1) == '!'
        redis.call('HSET', failures, sha, string.format('{"at_ms":%.0f,', now) ..
          '"kind":"crash","message":"the lease ran out' ..
          (alone and ', and its worker held nothing else' or '') .. '","holder":' ..
          cjson.encode(holder) .. who_and_where(holder) .. '}')
        if not charge(sha, alone) then
          redis.call('RPUSH', ready, item)
          back = back + 1
        else
          merged = merged + 1 - redis.call('ZADD', dead, now, item)
          buried = buried + 1
        end
      end
    end
  end
end
if back + buried > 0 then
  redis.call('HINCRBY', stats, 'crashed', back + buried)
  redis.call('HINCRBY', stats, 'dead', buried)
  redis.call('HINCRBY', stats, 'merged', merged)
end
return {back, buried, foreign}
