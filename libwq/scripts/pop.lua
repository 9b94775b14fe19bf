-- pop: moves items from ready to processing and draws a fence for each
--
-- The caller sets their leases, since no script can hash an item.
--
-- ROLES: worker
-- KEYS: ready processing fence stats paused attempts crashes checkpoints
-- ARGV:
--   most integer items 1..1000 -- how many items to move
--   queue_id text -- an id for the queue in case it has none
-- ANSWERS:
--   {} -- nothing is ready, or the queue is paused
--   {fence, tried, {item...}, pushed} -- fence: of the last item, each before it has one less;
--     -- tried: 1 or more if some item of the queue failed before or has a checkpoint, else 0;
--     -- pushed: the counter of this name in stats, or nil

local unpack = table.unpack or unpack  -- of Lua 5.4 or 5.1
if redis.call('EXISTS', KEYS[5]) == 1 then
  return {}
end
-- A key of another type in the way must stop us here, in front of the first write.
redis.call('LLEN', KEYS[2])
local fence = redis.call('GET', KEYS[3])
local begun = redis.call('HEXISTS', KEYS[4], 'id') == 1

-- Redis allows RPOP at maxmemory, and after it the rest of the script.
local items = redis.call('RPOP', KEYS[1], ARGV[1])
if not items then
  return {}
end
redis.call('LPUSH', KEYS[2], unpack(items))
if not fence then
  local time = redis.call('TIME')  -- as attach raises it: later than any that was ever drawn
  redis.call('SET', KEYS[3], string.format('%.0f', time[1] * 1000000 + time[2]))
end
fence = redis.call('INCRBY', KEYS[3], #items)
redis.call('HINCRBY', KEYS[4], 'leased', #items)
if not begun then
  redis.call('HSET', KEYS[4], 'id', ARGV[2])
end
return {fence, redis.call('EXISTS', KEYS[6], KEYS[7], KEYS[8]), items,
        redis.call('HGET', KEYS[4], 'pushed')}
