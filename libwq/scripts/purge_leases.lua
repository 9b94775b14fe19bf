-- purge_leases: removes leases of a queue that was purged, but for those taken since
--
-- ROLES: admin
-- KEYS: stats lease...
-- ARGV:
--   fence integer 0.. -- the last fence, as purge answered it
-- ANSWERS:
--   removed -- how many leases were removed

local unpack = table.unpack or unpack  -- of Lua 5.4 or 5.1
local last = tonumber(ARGV[1])
-- A lease of a RedisWQ client has no fence: it is an old one if nothing was pushed or leased since.
local begun = redis.call('HEXISTS', KEYS[1], 'id') == 1
local removed = 0
for i, holder in ipairs(redis.call('MGET', unpack(KEYS, 2))) do
  if holder then
    local fence = tonumber(string.match(holder, '#(%d+)!?$'))
    if fence and fence <= last or not fence and not begun then
      removed = removed + redis.call('UNLINK', KEYS[1 + i])
    end
  end
end
return removed
