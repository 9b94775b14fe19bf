-- renew: lengthens leases that are still exactly the holders'; never sets one
--
-- The reclaimer's election calls it with the key reclaimer in place of a lease.
--
-- ROLES: worker
-- KEYS: lease...
-- ARGV:
--   life integer ms 1..90000000 -- the new life of the keys, the tail included
--   each lease
--     holder text -- the holder, session#fence, with ! if the lease has the mark
-- ANSWERS:
--   {position...} -- the leases that are lost

local unpack = table.unpack or unpack  -- of Lua 5.4 or 5.1
local held = redis.call('MGET', unpack(KEYS))
local lost = {}
for i, lease in ipairs(KEYS) do
  if held[i] == ARGV[1 + i] then
    redis.call('PEXPIRE', lease, ARGV[1])
  else
    lost[#lost + 1] = i
  end
end
return lost
