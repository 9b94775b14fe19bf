-- forget: removes what is recorded about items that are not in the queue, if it is still what the
-- caller saw.
--
-- KEYS: attempts crashes failures lease...
-- ARGV: attempts, crashes, failure of the item of each lease; nothing for those it does not have
-- RETURNS: how many items were forgotten

local FIXED = 3
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
