-- isolate: marks a lease that is still exactly the given holder's: its worker holds no other item
-- while it has the mark. Only a lease with the mark that runs out can be an item's last crash.
--
-- A lease that has ended gets no mark: whatever made it end, its worker may have held something else
-- then.
--
-- KEYS: fence lease
-- ARGV: the tail in ms, the holder without the mark
-- RETURNS: 1 if the lease has the mark, also when it was set before, or 0 if the lease was lost

local held, marked = redis.call('MGET', KEYS[2])[1], ARGV[2] .. '!'
if held == marked then
  return 1
elseif held ~= ARGV[2] then
  return 0
end
local left = redis.call('PTTL', KEYS[2])
if left >= 0 and left <= tonumber(ARGV[1]) then
  return 0
end
redis.call('PERSIST', KEYS[1]) -- first, since it is allowed at maxmemory
redis.call('SET', KEYS[2], marked, 'KEEPTTL')
return 1
