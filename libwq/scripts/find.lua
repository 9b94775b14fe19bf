-- find: reads where one item is, and everything that is kept of it
--
-- ROLES: viewer admin
-- KEYS: ready processing delayed dead attempts crashes failures lease
-- ARGV:
--   item bytes -- the item
--   most integer items 0.. -- how far to look into ready and into processing; 0: to their ends
-- ANSWERS:
--   {ready, processing, due, died, holder, pttl, failures, crashes, failure, cut}
--     -- ready, processing: 1 if the item is there, else 0; due, died: ms or nil; holder of the lease
--     -- or nil, and the PTTL of its key; failures, crashes: numbers or nil; failure: JSON or nil;
--     -- cut: 1 if a list was longer than the look, else 0

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
