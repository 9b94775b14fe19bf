-- drop_ready: takes items from the right end of ready, removes those that match for good, and puts
-- the others on the left. Called as often as it takes to go through ready once, it leaves them in
-- the order they had.
--
-- KEYS: ready stats
-- ARGV: how many items to take, then Lua patterns that an item must match one behind the other
-- RETURNS: {items taken, {item that was dropped, ...}}

local ready, stats = KEYS[1], KEYS[2]
redis.call('HEXISTS', stats, 'id')

-- Each pattern at the first place where it matches: nothing is ever tried again further on, which
-- could take minutes for one item, and Redis cannot interrupt it.
local function matches(item)
  local at = 1
  for p = 2, #ARGV do
    local _, last = string.find(item, ARGV[p], at)
    if not last then return false end
    at = last + 1
  end
  return true
end

-- Nothing is taken before all have been looked at: an error must not lose them.
local items = redis.call('LRANGE', ready, -ARGV[1], -1)
local dropped, kept = {}, {}
for i = #items, 1, -1 do
  local list = matches(items[i]) and dropped or kept
  list[#list + 1] = items[i]
end
if #items > 0 then
  -- Redis allows LTRIM at maxmemory, and after it the rest of the script.
  redis.call('LTRIM', ready, 0, -#items - 1)
end
if #kept > 0 then
  redis.call('LPUSH', ready, unpack(kept))
end
if #dropped > 0 then
  redis.call('HINCRBY', stats, 'dropped', #dropped)
end
return {#items, dropped}
