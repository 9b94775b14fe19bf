-- What completed items push, to this queue and to others.
--
-- Sets places, by verb, push(place, item, once) and add_pushed(). Counts by count.
--
-- A target comes after this queue: it is not drained before this one is. A worker has recorded that
-- before it leased anything; here it is recorded again in case the target was purged since.
local CHUNK = 1000  -- unpack() has its limits
local own = {ready = ready, delayed = delayed, seen = seen}
local places, to = {push = {queue = own, wait = 0}}, {[0] = own}

for target = 1, targets do
  local first = FIXED + n + 4 * (target - 1)
  local r, d, c, s = unpack(KEYS, first + 1, first + 4)
  to[target] = {ready = r, delayed = d, stats = c, seen = s}
end
for target = 0, targets do
  local queue = to[target]
  queue.fresh, queue.pushed, queue.put_off, queue.merged = {}, 0, 0, 0
end
for a = first_place, first_run - 2, 2 do
  places[string.format('%d', (a - first_place) / 2 + 1)] =
    {queue = to[tonumber(ARGV[a])], wait = tonumber(ARGV[a + 1])}
end

local function push(place, item, once)
  local queue = place.queue
  if once ~= '' and call('SADD', queue.seen, once) == 0 then return end
  queue.pushed = queue.pushed + 1
  if place.wait == 0 then
    queue.fresh[#queue.fresh + 1] = item
  else
    queue.put_off = queue.put_off + 1
    queue.merged = queue.merged + 1 - call('ZADD', queue.delayed, now + place.wait, item)
  end
end

local function add_pushed()
  for target = 0, targets do
    local queue = to[target]
    local fresh = queue.fresh
    for first = 1, #fresh, CHUNK do
      call('LPUSH', queue.ready, unpack(fresh, first, math.min(first + CHUNK - 1, #fresh)))
    end
    -- pushed and moved together count what is put on the left of ready.
    local sums = {pushed = queue.pushed, moved = -queue.put_off, merged = queue.merged}
    if queue.stats and queue.pushed > 0 then
      local source = string.sub(processing, 1, -1 - string.len(':processing'))
      local id = call('HGET', stats, 'id') or ''
      call('HSETNX', queue.stats, 'id', string.format('%s-%.0f', id, now))
      call('HSETNX', queue.stats, 'after:' .. source, id)
    end
    for field, by in pairs(sums) do
      if by ~= 0 and queue.stats then
        call('HINCRBY', queue.stats, field, by)
      elseif by ~= 0 then
        count[field] = (count[field] or 0) + by
      end
    end
  end
end
