-- retry: puts dead letters back to ready with no failures charged, and makes delayed items due
--
-- The last failure of an item stays until the item is done.
--
-- ROLES: admin
-- KEYS: dead delayed ready attempts crashes lease...
-- ARGV:
--   latest integer ms or_empty -- items of a later time are left alone
--   of_delayed flag -- 1: take delayed items
--   of_dead flag -- 1: take dead items
--   each lease
--     item bytes -- the item
-- ANSWERS:
--   {result...} -- of each item 1: in ready now, 0: not there, 2: not there but leased

local unpack = table.unpack or unpack  -- of Lua 5.4 or 5.1
local dead, delayed, ready, attempts, crashes = unpack(KEYS, 1, 5)
local FIXED, ITEMS = 5, 3
local latest = tonumber(ARGV[1]) or math.huge
local of_delayed, of_dead = ARGV[2] == '1', ARGV[3] == '1'
for _, set in ipairs({dead, delayed}) do redis.call('ZCARD', set) end
redis.call('LLEN', ready)
redis.call('HLEN', attempts)
redis.call('HLEN', crashes)

-- ZREM is allowed at maxmemory, and after it the rest of the script.
local function take(set, item)
  local score = redis.call('ZSCORE', set, item)
  return score and tonumber(score) <= latest and redis.call('ZREM', set, item) == 1
end

local answers = {}
for i = 1, #ARGV - ITEMS do
  local item, lease = ARGV[ITEMS + i], KEYS[FIXED + i]
  local back = false
  if of_dead and take(dead, item) then
    local sha = string.sub(lease, -56)
    redis.call('HDEL', attempts, sha)
    redis.call('HDEL', crashes, sha)
    back = true
  elseif of_delayed and take(delayed, item) then
    back = true
  end
  if back then
    redis.call('RPUSH', ready, item)
  end
  answers[i] = back and 1 or 2 * redis.call('EXISTS', lease)
end
return answers
