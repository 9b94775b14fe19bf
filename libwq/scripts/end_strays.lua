-- end_strays: removes leases that have run out and whose items are gone, if they are still what the
-- caller saw. One that is alive is left to its holder, who learns of it when it settles.
--
-- KEYS: lease...
-- ARGV: the tail in ms, then the holder of each lease
-- RETURNS: how many were removed

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
