-- drop_ready: takes items from the right end of ready, removes those that match for good, and puts
-- the others on the left. Called as often as it takes to go through ready once, it leaves them in
-- the order they had.
--
-- KEYS: ready stats
-- ARGV: how many items to take, a Lua pattern or nothing: all match
-- RETURNS: {items taken, {item that was dropped, ...}}

local ready, stats, pattern = KEYS[1], KEYS[2], ARGV[2]
redis.call('HEXISTS', stats, 'id')
-- Redis allows RPOP at maxmemory, and after it the rest of the script.
local items = redis.call('RPOP', ready, ARGV[1])
if not items then
  return {0, {}}
end
local dropped, kept = {}, {}
for _, item in ipairs(items) do
  if not pattern or string.find(item, pattern) then
    dropped[#dropped + 1] = item
  else
    kept[#kept + 1] = item
  end
end
if #kept > 0 then
  redis.call('LPUSH', ready, unpack(kept))
end
if #dropped > 0 then
  redis.call('HINCRBY', stats, 'dropped', #dropped)
end
return {#items, dropped}
