-- settle: completes, fails or releases items, each on its own. An item is accepted if and only if
-- its lease is exactly the given holder and a copy of it is then removed from processing.
--
-- KEYS: processing stats fence attempts crashes failures results ready delayed dead seen history
--       lease...
-- ARGV: the lowest fence among the items, item..., holder... If there is more than bare completions:
--       how long results are kept in ms (0: for ever), how many tries the history keeps, how many
--       of these were begun (0: they are not recorded) and what it is told of them, the number of
--       runs of items with a result, and of each run the first position, how many, the name of the
--       entries' field ('result', or 'json' for what is JSON), RESULT...; then the rest, four values
--       each, those of an item together: position of the item, verb, two operands:
--       complete: push ITEM ONCE (the 28-byte SHA-224 of a key, or nothing: what has a key that was
--             seen before is not pushed)
--       fail: fail FAILURE DELAY_MS (and one attempt) | crash FAILURE DELAY_MS (and one crash) |
--             dead FAILURE ''; without a delay the item is dead
--       release: release '' DELAY_MS (0: to the right end of ready)
--       FAILURE is a JSON object without its first brace
-- RETURNS: the positions of the items that were lost

local call, KEYS, ARGV = redis.call, KEYS, ARGV  -- locals are faster
local processing, stats, fence, attempts, crashes, failures = unpack(KEYS, 1, 6)
local results, ready, delayed, dead, seen, history = unpack(KEYS, 7, 12)
local FIXED = 12
local n = #KEYS - FIXED
-- Fewer than MANY are looked for one by one. For each of more we pass over NEAR others to find where
-- they stand together and move those aside or, failing that, read FAR entries.
local MANY, NEAR, FAR = 8, 16, 128
local CHUNK = 1000  -- unpack() has its limits
local more = {}  -- where in ARGV what else is said of an item begins
local ttl_ms, kept_tries, tries = unpack(ARGV, 2 * n + 2, 2 * n + 4)
local runs = tonumber(ARGV[2 * n + 6] or 0)
local rest = 2 * n + 7
tries = tonumber(tries or 0)
for _ = 1, runs do rest = rest + 3 + ARGV[rest + 1] end
for a = #ARGV - 3, rest, -4 do more[tonumber(ARGV[a])] = a end

-- Everything is read first: a key of another type in the way must stop us before the first write.
local length = call('LLEN', processing)
local since = math.max(0, (tonumber(call('GET', fence)) or 0) - ARGV[1])
call('HEXISTS', stats, 'id')
if tries > 0 then call('XLEN', history) end
local has_history = call('EXISTS', attempts, crashes, failures) > 0
local now
if has_history or runs > 0 or next(more) then
  for _, hash in ipairs({attempts, crashes, failures}) do call('HLEN', hash) end
  for _, set in ipairs({delayed, dead}) do call('ZCARD', set) end
  call('XLEN', results)
  call('LLEN', ready)
  call('SCARD', seen)
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local held = call('MGET', unpack(KEYS, FIXED + 1))

local count = {}
local function add(field)
  count[field] = (count[field] or 0) + 1
end

-- Carries out one verb; true when the item is done for good.
local function apply(item, lease, verb, x, y)
  if verb == 'push' then
    if y == '' or call('SADD', seen, y) == 1 then
      call('LPUSH', ready, x)
      add('pushed')
    end
    return true
  elseif verb == 'release' then
    add('released')
  else
    local sha = string.sub(lease, -56)
    call('HSET', failures, sha, string.format('{"at_ms":%.0f,', now) .. x)
    if verb == 'fail' then
      call('HINCRBY', attempts, sha, 1)
      add('failed')
    elseif verb == 'crash' then
      call('HINCRBY', crashes, sha, 1)
      add('crashed')
    end
  end
  if y == '0' then
    call('RPUSH', ready, item)
  else
    local buried = y == ''
    if call('ZADD', buried and dead or delayed, buried and now or now + y, item) == 0 then
      add('merged')
    end
    if buried then add('dead') end
  end
  return false
end

-- An item is accepted unless it is lost.
local lost, is_lost = {}, {}
local function lose(i)
  lost[#lost + 1] = i
  is_lost[i] = true
end

-- Which of them are ours? DEL counts each lease once, so it finds the same lease given twice.
local ours = {}
for i = 1, n do
  if held[i] == ARGV[1 + n + i] then
    ours[#ours + 1] = i
  else
    lose(i)
  end
end
if #ours == n and call('DEL', unpack(KEYS, FIXED + 1)) < n or #ours < n then
  local once, leases = {}, {}
  for _, i in ipairs(ours) do
    local lease = KEYS[FIXED + i]
    if leases[lease] then
      lose(i)
    else
      leases[lease] = true
      once[#once + 1] = i
      call('DEL', lease)
    end
  end
  ours = once
end

-- Items arrive on the left, at the new end. Those that end in the order in which they were leased
-- stand together at the old end.
local function stand_at_the_old_end()
  if #ours < n or call('LINDEX', processing, -1) ~= ARGV[2] then return false end
  local tail = call('LRANGE', processing, -n, -1)
  for i = 1, n do
    if tail[n + 1 - i] ~= ARGV[1 + i] then return false end
  end
  return true
end

-- Others are looked for from the end that is nearer: at most `since` entries were leased after the
-- oldest of ours.
local side = 2 * since < length and 1 or -1
local wanted, missing = {}, #ours

-- How far from that end the item stands; 0 when it is not near.
local function depth_of(item)
  local at = call('LPOS', processing, item, 'RANK', side, 'MAXLEN', NEAR * n)
  return at and (side == 1 and at + 1 or length - at) or 0
end

-- Takes what is wanted out of the so many entries at that end.
local function take(depth)
  local from, to = 0, depth - 1
  if side == -1 then from, to = -depth, -1 end
  local window = call('LRANGE', processing, from, to)
  local before = side == 1 and -1 or -1 - #window
  local places, ours_at = {}, {}
  for k = #window, 1, -1 do
    local item = window[k]
    local i = wanted[item]
    if i then
      wanted[item] = nil
      places[#places + 1] = before + k
      ours_at[k] = true
    end
  end
  missing = missing - #places
  if #window <= (NEAR + 1) * #places then
    -- The others go to the new end, where they are in nobody's way.
    local others = {}
    for k = #window, 1, -1 do
      if not ours_at[k] then others[#others + 1] = window[k] end
    end
    call('LTRIM', processing, side == 1 and depth or 0, side == 1 and -1 or -depth - 1)
    for first = 1, #others, CHUNK do
      call('LPUSH', processing, unpack(others, first, math.min(first + CHUNK - 1, #others)))
    end
  elseif #places > 0 then
    -- All become equal to the one nearest to the right, and so many of that one are removed.
    local item = window[places[1] - before]
    for k = 2, #places do call('LSET', processing, places[k], item) end
    call('LREM', processing, side * #places, item)
  end
end

if stand_at_the_old_end() then
  call('LTRIM', processing, 0, -n - 1)
else
  for _, i in ipairs(ours) do wanted[ARGV[1 + i]] = i end
  if missing >= MANY then
    local depth = math.max(depth_of(ARGV[1 + ours[1]]), depth_of(ARGV[1 + ours[#ours]]))
    if depth > 0 then take(depth) end
  end
  if missing >= MANY then
    local depth = side == 1 and since + NEAR * n or length
    if 0 < depth and depth <= FAR * missing then take(depth) end
  end
  for item, i in pairs(wanted) do
    if call('LREM', processing, side, item) == 0 then lose(i) end
  end
end

-- Results have a loop of their own, which is the longest part of a call that has them. What is too
-- old goes with the first, whole blocks of the stream at a time, and all of it when none was added
-- for so long. Without a time to live, that of earlier results ends.
local added = false
rest = 2 * n + 7
for _ = 1, runs do
  local before, size, field = ARGV[rest] - 1, tonumber(ARGV[rest + 1]), ARGV[rest + 2]
  for k = 1, size do
    if not is_lost[before + k] then
      local item, text = ARGV[1 + before + k], ARGV[rest + 2 + k]
      if added or ttl_ms == '0' then
        call('XADD', results, '*', 'item', item, field, text)
      else
        call('XADD', results, 'MINID', '~', string.format('%.0f', math.max(0, now - ttl_ms)), '*',
             'item', item, field, text)
      end
      added = true
    end
  end
  rest = rest + 3 + size
end
if added and ttl_ms == '0' then
  call('PERSIST', results)
elseif added then
  call('PEXPIRE', results, ttl_ms)
end

local completed = 0
if not (has_history or next(more)) then
  completed = n - #lost
else
  for i = 1, n do
    local complete, a = not is_lost[i], more[i]
    local position = complete and a and ARGV[a]
    while position and ARGV[a] == position do
      complete = apply(ARGV[1 + i], KEYS[FIXED + i], ARGV[a + 1], ARGV[a + 2], ARGV[a + 3])
      a = a + 4
    end
    if complete then
      completed = completed + 1
      if has_history then
        local sha = string.sub(KEYS[FIXED + i], -56)
        for _, hash in ipairs({attempts, crashes, failures}) do call('HDEL', hash, sha) end
      end
    end
  end
end
if completed > 0 then
  count.completed = completed
end

-- An entry of the history holds the tries of one call. Its id is how many there were up to its last,
-- so that the oldest go by number.
if tries > 0 and #lost < n then
  table.sort(lost)
  local last = call('HINCRBY', stats, 'tries', math.max(1, tries - #lost))
  local function record()
    return redis.pcall('XADD', history, 'MINID', '=', math.max(0, last - kept_tries + 1), last,
                       'tries', ARGV[2 * n + 5], 'lost', table.concat(lost, ','))
  end
  -- The number is behind only if somebody else took it away.
  if type(record()) == 'table' then
    call('DEL', history)
    record()
  end
end
for field, by in pairs(count) do
  call('HINCRBY', stats, field, by)
end
return lost
