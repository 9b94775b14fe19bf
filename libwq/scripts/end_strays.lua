-- end_strays: removes leases that ran out and have no item, if they are still as the caller saw them
--
-- A lease in force is left to its holder, who learns of the missing item when it settles.
--
-- ROLES: admin
-- KEYS: lease...
-- ARGV:
--   tail integer ms 3600000..3600000 -- how long the key of a lease outlives the lease
--   each lease
--     holder text -- what the lease held when the caller saw it
-- ANSWERS:
--   removed -- how many leases were removed

local unpack = table.unpack or unpack  -- of Lua 5.4 or 5.1
local removed = 0
local held = redis.call('MGET', unpack(KEYS))
for i, lease in ipairs(KEYS) do
  if held[i] == ARGV[1 + i] and string.find(held[i], '#', 1, true) then
    local left = redis.call('PTTL', lease)
    if left >= 0 and left <= tonumber(ARGV[1]) then
      removed = removed + redis.call('DEL', lease)
    end
  end
end
return removed
