-- Adds the results to the stream, with the time to live that the stream then has.
--
-- Results have a loop of their own, which is the longest part of a call that has them. What is too
-- old goes with the first, whole blocks of the stream at a time, and all of it when none was added
-- for so long. Without a time to live, that of earlier results ends.
local added = false
rest = first_run
for _ = 1, runs do
  local before, size, field = ARGV[rest] - 1, tonumber(ARGV[rest + 1]), ARGV[rest + 2]
  for k = 1, size do
    if not is_lost[before + k] then
      local item, text = ARGV[2 + before + k], ARGV[rest + 2 + k]
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
