-- lost: counts the items that Redis had confirmed and lost, since it went back to an earlier state
--
-- They are counted in pushed too, so that pushed does not fall: whoever repeats this, or has seen
-- the same, counts nothing twice.
--
-- ROLES: worker producer
-- KEYS: stats
-- ARGV:
--   queue_id text or_empty -- the id of the queue; empty: whichever it is
--   pushed integer items 0.. -- pushed has been seen to be this at least
--   lost integer items 0.. -- so many are known to be lost at least
-- ANSWERS:
--   more -- how many more are counted as lost; 0: none, or it is another queue: nothing was written

local unpack = table.unpack or unpack  -- of Lua 5.4 or 5.1
local id, pushed, lost = unpack(redis.call('HMGET', KEYS[1], 'id', 'pushed', 'lost'))
local more = math.max(tonumber(ARGV[2]) - tonumber(pushed or 0),
                      tonumber(ARGV[3]) - tonumber(lost or 0))
if more <= 0 or ARGV[1] ~= '' and ARGV[1] ~= id then
  return 0
end
redis.call('HSETNX', KEYS[1], 'lost', 0)
redis.call('HINCRBY', KEYS[1], 'pushed', more)
-- pushed and moved together count what is put on the left of ready.
redis.call('HINCRBY', KEYS[1], 'moved', -more)
redis.call('HINCRBY', KEYS[1], 'lost', more)
return more
