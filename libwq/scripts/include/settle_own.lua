-- Which of the items have exactly our lease. Deletes these leases.
--
-- Sets ours: the positions of these items. Sets lose(i), which counts an item as lost: lost is the
-- list of their positions, is_lost the set.
--
-- An item is accepted unless it is lost.
local lost, is_lost = {}, {}
local function lose(i)
  lost[#lost + 1] = i
  is_lost[i] = true
end

-- Which of them are ours? DEL counts each lease once, so it finds the same lease given twice.
local ours = {}
for i = 1, n do
  if held[i] == ARGV[2 + n + i] then
    ours[#ours + 1] = i
  else
    lose(i)
  end
end
if #ours == n and call('DEL', unpack(KEYS, FIXED + 1, FIXED + n)) < n or #ours < n then
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
