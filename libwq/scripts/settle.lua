-- settle: completes, fails or releases items, each on its own. An item is accepted if and only if
-- its lease is exactly the given holder and a copy of it is then removed from processing.
--
-- KEYS: processing stats fence attempts crashes failures results ready delayed dead lease...
-- ARGV: the lowest fence among the items, item..., holder..., then what is not a bare completion,
--       four values each: position of the item, verb, and two operands:
--       complete: result RESULT '' | push ITEM ''
--       fail: fail FAILURE DELAY_MS | dead FAILURE '' | died FAILURE '' (as dead, and one attempt)
--       release: release '' DELAY_MS (0: to the right end of ready)
--       FAILURE is a JSON object without its first brace
-- RETURNS: the positions of the items that were lost

local call = redis.call
local processing, stats, fence, attempts, crashes, failures = unpack(KEYS, 1, 6)
local results, ready, delayed, dead = unpack(KEYS, 7, 10)
local FIXED = 10
local n = #KEYS - FIXED
local more, NOTHING = {}, {}
for a = 2 * n + 2, #ARGV, 4 do
  local i = tonumber(ARGV[a])
  more[i] = more[i] or {}
  table.insert(more[i], {ARGV[a + 1], ARGV[a + 2], ARGV[a + 3]})
end

-- Everything is read first: a key of another type in the way must stop us before the first write.
local length = call('LLEN', processing)
local since = (tonumber(call('GET', fence)) or 0) - ARGV[1]
call('HEXISTS', stats, 'id')
local troubled = call('EXISTS', attempts, crashes, failures) > 0
local now
if troubled or next(more) then
  for _, hash in ipairs({attempts, crashes, failures}) do call('HLEN', hash) end
  for _, set in ipairs({delayed, dead}) do call('ZCARD', set) end
  call('XLEN', results)
  call('LLEN', ready)
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local held = call('MGET', unpack(KEYS, FIXED + 1))

local count = {}
local function add(field)
  count[field] = (count[field] or 0) + 1
end

-- Carries out one verb; true when the item is done for good.
local function apply(item, holder, sha, verb, x, y)
  if verb == 'result' then
    call('XADD', results, '*', 'item', item, 'result', x, 'fence', string.match(holder, '#(.*)$'))
    return true
  elseif verb == 'push' then
    call('LPUSH', ready, x)
    add('pushed')
    return true
  elseif verb == 'release' then
    add('released')
  else
    call('HSET', failures, sha, string.format('{"at_ms":%.0f,', now) .. x)
    if verb ~= 'dead' then
      call('HINCRBY', attempts, sha, 1)
      add('failed')
    end
  end
  if y == '0' then
    call('RPUSH', ready, item)
  else
    local buried = verb == 'dead' or verb == 'died'
    if call('ZADD', buried and dead or delayed, buried and now or now + y, item) == 0 then
      add('merged')
    end
    if buried then add('dead') end
  end
  return false
end

-- Which of them are ours? DEL counts each lease once, so it finds the same lease given twice.
local lost, ours, accepted = {}, {}, {}
local detailed = troubled or next(more)
for i = 1, n do
  if held[i] == ARGV[1 + n + i] then
    ours[#ours + 1] = i
  else
    lost[#lost + 1] = i
  end
end
if #ours == n and call('DEL', unpack(KEYS, FIXED + 1)) < n or #ours < n then
  local once, leases = {}, {}
  for _, i in ipairs(ours) do
    local lease = KEYS[FIXED + i]
    if leases[lease] then
      lost[#lost + 1] = i
    else
      leases[lease] = true
      once[#once + 1] = i
      call('DEL', lease)
    end
  end
  ours = once
end

-- Items arrive on the left, so those that end in the order in which they were leased stand together
-- at the right end and leave in one piece. What does not is put back.
local first = 1
if #ours == n and call('LINDEX', processing, -1) == ARGV[2] then
  local tail = call('RPOP', processing, n)
  while tail[first] == ARGV[1 + first] and first <= n do
    accepted[first] = detailed
    first = first + 1
  end
  if first <= #tail then
    local back = {}
    for i = #tail, first, -1 do back[#back + 1] = tail[i] end
    call('RPUSH', processing, unpack(back))
  end
end
-- The rest one by one, from the end that is nearer: at most `since` entries lie in front of the
-- oldest of ours.
local last, step, side = #ours, 1, -1
if 2 * since < length then
  first, last, step, side = last, first, -1, 1
end
for k = first, last, step do
  local i = ours[k]
  if call('LREM', processing, side, ARGV[1 + i]) == 1 then
    accepted[i] = detailed
  else
    lost[#lost + 1] = i
  end
end

local completed = 0
if not detailed then
  completed = n - #lost
else
  for i in pairs(accepted) do
    local sha, complete = string.sub(KEYS[FIXED + i], -56), true
    for _, each in ipairs(more[i] or NOTHING) do
      complete = apply(ARGV[1 + i], ARGV[1 + n + i], sha, unpack(each))
    end
    if complete then
      completed = completed + 1
      for _, hash in ipairs({attempts, crashes, failures}) do call('HDEL', hash, sha) end
    end
  end
end
if completed > 0 then
  count.completed = completed
end
for field, by in pairs(count) do
  call('HINCRBY', stats, field, by)
end
return lost
