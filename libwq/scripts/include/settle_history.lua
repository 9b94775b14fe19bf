-- Records the tries that were accepted.
--
-- An entry of the history holds the tries of one call. Its id is how many there were up to its last,
-- so that the oldest go by number.
if tries > 0 and #lost < n then
  table.sort(lost)
  local last = call('HINCRBY', stats, 'tries', math.max(1, tries - #lost))
  local function record()
    return redis.pcall('XADD', history, 'MINID', '=', math.max(0, last - kept_tries + 1), last,
                       'tries', ARGV[2 * n + 6], 'lost', table.concat(lost, ','))
  end
  -- The number is behind only if somebody else took it away.
  if type(record()) == 'table' then
    call('DEL', history)
    record()
  end
end
