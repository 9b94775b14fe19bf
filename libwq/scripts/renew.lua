-- renew: lengthens leases that are still exactly the given holders'. Never sets one.
--
-- KEYS: lease...
-- ARGV: the time to live in ms, the tail included, then a holder for each lease
-- RETURNS: the positions of the leases that were lost

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
