-- counts: reads everything that a queue counts, in one step; also of several queues in the same step
--
-- ROLES: worker viewer admin
-- KEYS: ready processing delayed dead producers paused stats
--   queue:ready,processing,delayed,dead,producers,paused,stats...
-- ARGV: none
-- ANSWERS:
--   {ready, processing, delayed, dead, producers, paused, {field, value...}...}
--     -- the lengths, 1 if the queue is paused, else 0, and stats; then the same of each further queue

local answer = {}
for key = 1, #KEYS, 7 do
  answer[key] = redis.call('LLEN', KEYS[key])
  answer[key + 1] = redis.call('LLEN', KEYS[key + 1])
  for set = key + 2, key + 4 do
    answer[set] = redis.call('ZCARD', KEYS[set])
  end
  answer[key + 5] = redis.call('EXISTS', KEYS[key + 5])
  answer[key + 6] = redis.call('HGETALL', KEYS[key + 6])
end
return answer
