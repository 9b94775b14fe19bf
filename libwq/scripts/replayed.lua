-- replayed: says how far the pushes of a session are executed
--
-- ROLES: producer
-- KEYS: replays replay
-- ARGV:
--   session text -- the session
-- ANSWERS:
--   {number, added} -- the number of the last push that is executed, and how many items all of them
--     -- have added
--   {} -- Redis knows the session, but not its pushes: it has evicted them
--   'gone' -- Redis knows nothing of the session

local unpack = table.unpack or unpack  -- of Lua 5.4 or 5.1
local floor, added = unpack(redis.call('HMGET', KEYS[2], 'floor', 'added'))
if not floor then
  return redis.call('ZSCORE', KEYS[1], ARGV[1]) and {} or 'gone'
end
local last = tonumber(floor)
local fields = redis.call('HGETALL', KEYS[2])
for i = 1, #fields, 2 do
  last = math.max(last, tonumber(fields[i]) or 0)
end
return {last, tonumber(added or 0)}
