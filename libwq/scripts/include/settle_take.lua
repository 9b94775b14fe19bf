-- Takes a copy of each of ours off processing, without looking at more of it than needed.
--
-- Loses those of which there is no copy.
--
-- Fewer than MANY are looked for one by one. For each of more we pass over NEAR others to find where
-- they stand together and move those aside or, failing that, read FAR entries.
local MANY, NEAR, FAR = 8, 16, 128

-- Items arrive on the left, at the new end. Those that end in the order in which they were leased
-- stand together at the old end.
local function stand_at_the_old_end()
  if #ours < n or call('LINDEX', processing, -1) ~= ARGV[3] then return false end
  local tail = call('LRANGE', processing, -n, -1)
  for i = 1, n do
    if tail[n + 1 - i] ~= ARGV[2 + i] then return false end
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
  for _, i in ipairs(ours) do wanted[ARGV[2 + i]] = i end
  if missing >= MANY then
    local depth = math.max(depth_of(ARGV[2 + ours[1]]), depth_of(ARGV[2 + ours[#ours]]))
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
