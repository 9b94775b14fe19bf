-- isolate: marks a lease that is still the holder's: its worker holds no other item
--
-- Only a marked lease that runs out can be an item's last crash. A lease that has ended gets no mark:
-- its worker may have held something else when the lease ended.
--
-- ROLES: worker
-- KEYS: fence lease
-- ARGV:
--   tail integer ms 3600000..3600000 -- how long the key of a lease outlives the lease
--   holder text -- the holder, session#fence, without the mark
-- ANSWERS:
--   1 -- the lease has the mark, from this call or an earlier one
--   0 -- the lease is lost or has ended; nothing was written

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
