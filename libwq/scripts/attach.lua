-- attach: raises the fence and looks for keys of another type, on each new connection of a worker
--
-- The fence is raised to at least the server's time in microseconds, so that no fence repeats after
-- a restart that lost the last writes. A queue without a fence gets none, so that a look at a queue
-- that does not exist leaves nothing: then pop or claim begins at that time.
--
-- ROLES: worker
-- KEYS: fence ready processing delayed dead attempts crashes failures results stats producers
--   workers replays reclaimer paused seen history totals distinct checkpoints
-- ARGV:
--   each key
--     type text list|zset|hash|stream|string|set -- the type that the key must have
-- ANSWERS:
--   fence -- the fence now, as text
--   nil -- there is no fence
--   {key, type, needed} -- the first key that has another type; nothing was written

for i, key in ipairs(KEYS) do
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'none' and kind ~= ARGV[i] then
    return {key, kind, ARGV[i]}
  end
end
local text = redis.call('GET', KEYS[1])
if not text then
  return nil
end
local fence = tonumber(text)
if not fence then
  return {KEYS[1], 'not a number', 'number'}
end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
-- A write that is allowed at maxmemory must come first: then SET is allowed too.
redis.call('PERSIST', KEYS[1])
if fence < now then
  redis.call('SET', KEYS[1], string.format('%.0f', now))
  fence = now
end
return string.format('%.0f', fence)
