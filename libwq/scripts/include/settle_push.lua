-- What completed items push, to this queue and to others.
--
-- Sets push_to(target, delay_ms), push(item, once) and add_pushed(). Counts by count and add().
--
-- A target comes after this queue: it is not drained before this one is. A worker has recorded that
-- before it leased anything; here it is recorded again in case the target was purged since.
local CHUNK = 1000  -- unpack() has its limits
local places, place, wait = {}, nil, 0

local function push_to(target, delay)
  wait = tonumber(delay)
  place = places[target]
  if not place then
    place = {ready = ready, delayed = delayed, seen = seen, fresh = {}, pushed = 0, put_off = 0, merged = 0}
    if target ~= '0' then
      local first = FIXED + n + 4 * (target - 1)
      place.ready, place.delayed, place.stats, place.seen = unpack(KEYS, first + 1, first + 4)
    end
    places[target] = place
  end
end

local function push(item, once)
  if once ~= '' and call('SADD', place.seen, once) == 0 then return end
  place.pushed = place.pushed + 1
  if wait == 0 then
    place.fresh[#place.fresh + 1] = item
  else
    place.put_off = place.put_off + 1
    place.merged = place.merged + 1 - call('ZADD', place.delayed, now + wait, item)
  end
end

local function add_pushed()
  for target, to in pairs(places) do
    for first = 1, #to.fresh, CHUNK do
      call('LPUSH', to.ready, unpack(to.fresh, first, math.min(first + CHUNK - 1, #to.fresh)))
    end
    -- pushed and moved together count what is put on the left of ready.
    local sums = {pushed = to.pushed, moved = -to.put_off, merged = to.merged}
    if to.stats and to.pushed > 0 then
      local source = string.sub(processing, 1, -1 - string.len(':processing'))
      local id = call('HGET', stats, 'id') or ''
      call('HSETNX', to.stats, 'id', string.format('%s-%.0f', id, now))
      call('HSETNX', to.stats, 'after:' .. source, id)
    end
    for field, by in pairs(sums) do
      if by ~= 0 and to.stats then
        call('HINCRBY', to.stats, field, by)
      elseif by ~= 0 then
        count[field] = (count[field] or 0) + by
      end
    end
  end
end
