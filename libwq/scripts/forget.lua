-- forget: removes the records of items that are not in the queue, if they are as the caller saw them
--
-- ROLES: admin
-- KEYS: attempts crashes failures checkpoints lease...
-- ARGV:
--   each lease
--     attempts integer tries 0.. or_empty -- the failures recorded of the item
--     crashes integer crashes 0.. or_empty -- the crashes recorded of the item
--     failure text or_empty -- the last failure of the item
--     checkpoint bytes or_empty -- the last checkpoint of the item, as it is stored
-- ANSWERS:
--   forgotten -- of how many items the records were removed

local FIXED = 4
local forgotten = 0
for i = 1, #KEYS - FIXED do
  local sha = string.sub(KEYS[FIXED + i], -56)
  local same = redis.call('EXISTS', KEYS[FIXED + i]) == 0
  for k = 1, FIXED do
    same = same and (redis.call('HGET', KEYS[k], sha) or '') == ARGV[FIXED * (i - 1) + k]
  end
  if same then
    for k = 1, FIXED do redis.call('HDEL', KEYS[k], sha) end
    forgotten = forgotten + 1
  end
end
return forgotten
