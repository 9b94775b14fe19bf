-- find: where one item is, and all that is kept about it.
--
-- KEYS: ready processing delayed dead attempts crashes failures lease...
-- ARGV: the item, how many entries of ready and of processing to look through (0: all)
-- RETURNS: {1 if in ready, 1 if in processing, due in ms or nil, died in ms or nil,
--          holder of the lease or nil, PTTL of the lease, failures or nil, crashes or nil,
--          the last failure or nil, 1 if a list was longer than what was looked through}

local item, most = ARGV[1], tonumber(ARGV[2])
local sha = string.sub(KEYS[8], -56)
local cut = 0

local function stands_in(list)
  -- From the right, where what comes next and what was leased first stand.
  if redis.call('LPOS', list, item, 'RANK', -1, 'MAXLEN', most) then
    return 1
  end
  if most > 0 and redis.call('LLEN', list) > most then
    cut = 1
  end
  return 0
end

return {
  stands_in(KEYS[1]),
  stands_in(KEYS[2]),
  redis.call('ZSCORE', KEYS[3], item),
  redis.call('ZSCORE', KEYS[4], item),
  redis.call('MGET', KEYS[8])[1],  -- which passes over a key of another type
  redis.call('PTTL', KEYS[8]),
  redis.call('HGET', KEYS[5], sha),
  redis.call('HGET', KEYS[6], sha),
  redis.call('HGET', KEYS[7], sha),
  cut,
}
