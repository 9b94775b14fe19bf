-- drop_ready: takes items from the right end of ready, drops those that match, puts back the others
--
-- The others go to the left end. Called until it takes none, the script goes through ready once and
-- leaves the others in the order they had.
--
-- ROLES: admin
-- KEYS: ready stats
-- ARGV:
--   most integer items 1..1000 -- how many items to take at most
--   put integer items 0.. -- pushed and moved, of stats, when the caller began
--   repeated
--     part pattern -- a Lua pattern; an item must match all, one behind the other
-- ANSWERS:
--   {taken, {item...}} -- how many were taken, and which of them were dropped

local unpack = table.unpack or unpack  -- of Lua 5.4 or 5.1
local ready, stats = KEYS[1], KEYS[2]
local FIXED = 2
-- On the left stand those that the caller has kept, and what was pushed or handed back unleased since
-- it began; all of these are counted. What is popped meanwhile, or comes back, does so on the right.
local counts = redis.call('HMGET', stats, 'pushed', 'moved')
local put = (counts[1] or 0) + (counts[2] or 0)
local left = redis.call('LLEN', ready) - math.max(0, put - ARGV[2])
local n = math.min(tonumber(ARGV[1]), left)
if n <= 0 then
  return {0, {}}
end

-- Each pattern at the first place where it matches: nothing is ever tried again further on, which
-- could take minutes for one item, and Redis cannot interrupt it.
local function matches(item)
  local at = 1
  for p = FIXED + 1, #ARGV do
    local _, last = string.find(item, ARGV[p], at)
    if not last then return false end
    at = last + 1
  end
  return true
end

-- Nothing is taken before all have been looked at: an error must not lose them.
local items = redis.call('LRANGE', ready, -n, -1)
local dropped, kept = {}, {}
for i = #items, 1, -1 do
  local list = matches(items[i]) and dropped or kept
  list[#list + 1] = items[i]
end
-- Redis allows LTRIM at maxmemory, and after it the rest of the script.
redis.call('LTRIM', ready, 0, -n - 1)
if #kept > 0 then
  redis.call('LPUSH', ready, unpack(kept))
  redis.call('HINCRBY', stats, 'moved', #kept)
end
if #dropped > 0 then
  redis.call('HINCRBY', stats, 'dropped', #dropped)
end
return {n, dropped}
