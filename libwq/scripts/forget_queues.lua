-- forget_queues: removes names from the registry that nobody has registered again
--
-- For names of queues that do not exist. A producer that begins such a queue meanwhile has
-- registered it before, so its score is another one.
--
-- ROLES: worker admin
-- KEYS: registry
-- ARGV:
--   repeated -- at most 1,000 names
--     queue text -- the name of the queue
--     registered integer ms 0.. -- the score that the caller saw
-- ANSWERS:
--   forgotten -- how many names were removed

local forgotten = 0
for i = 1, #ARGV, 2 do
  local score = redis.call('ZSCORE', KEYS[1], ARGV[i])
  if score and tonumber(score) == tonumber(ARGV[i + 1]) then
    forgotten = forgotten + redis.call('ZREM', KEYS[1], ARGV[i])
  end
end
return forgotten
