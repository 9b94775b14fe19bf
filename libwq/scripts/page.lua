-- page: reads one page of items in one state, from a place that stays right while the queue moves
--
-- ROLES: viewer
-- KEYS: ready processing delayed dead stats
-- ARGV:
--   state text ready|leased|delayed|dead -- the state
--   most integer items 1.. -- how many items to read
--   optional -- the end of the page before; without: the first page
--     place text -- ready: `next` as answered; leased: how many were seen; else: the last time
--     beside bytes -- ready: `put` as answered; leased: anything; else: the last item
-- ANSWERS:
--   {{item...}, {next, put}} -- of ready; next: -1 behind the last page
--   {{item...}} -- of leased
--   {{item...}, {time...}} -- of delayed and dead; times in ms

local unpack = table.unpack or unpack  -- of Lua 5.4 or 5.1
local ready, processing, delayed, dead, stats = unpack(KEYS)
local state, n, a, b = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]

local function reversed(list)
  local back = {}
  for i = #list, 1, -1 do back[#back + 1] = list[i] end
  return back
end

if state == 'ready' then
  -- What we push, or move there while we drop others, goes on the left and is counted; what is
  -- leased goes from the right. So an item stands as far from the left as before, and as many
  -- further as were put there since.
  local counts = redis.call('HMGET', stats, 'pushed', 'moved')
  local put = (counts[1] or 0) + (counts[2] or 0)
  local last = redis.call('LLEN', ready) - 1
  local from = a and math.min(last, tonumber(a) + put - tonumber(b)) or last
  if from < 0 then
    return {{}, {-1, put}}
  end
  local items = redis.call('LRANGE', ready, math.max(0, from - n + 1), from)
  return {reversed(items), {from - #items, put}}
elseif state == 'leased' then
  local seen = tonumber(a or 0)
  return {reversed(redis.call('LRANGE', processing, -seen - n, -seen - 1))}
end

local set = state == 'dead' and dead or delayed
local from = 0
if a then
  -- If the last item is gone or has another time now, those of its millisecond are shown again
  -- rather than passed over.
  if redis.call('ZSCORE', set, b) == a then
    from = redis.call('ZRANK', set, b) + 1
  else
    from = redis.call('ZCOUNT', set, '-inf', '(' .. a)
  end
end
local found = redis.call('ZRANGE', set, from, from + n - 1, 'WITHSCORES')
local items, scores = {}, {}
for i = 1, #found, 2 do
  items[#items + 1] = found[i]
  scores[#scores + 1] = found[i + 1]
end
return {items, scores}
