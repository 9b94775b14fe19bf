-- attach: called on every new connection that will work on the queue. Looks whether a key of
-- another type is in the way, and raises the fence to at least the server's time in microseconds,
-- so that no fence repeats after a restart that lost a second of writes. Where there is none it
-- makes none, so that whoever looks at a queue that does not exist leaves nothing: then the first
-- that is drawn (pop, claim) begins at that time.
--
-- KEYS: fence, then every other key of the queue that exists once
-- ARGV: the type each key must have, in the order of KEYS
-- RETURNS: the fence, nil where there is none, or {key, its type, the type it must have} of the
--          first key in the way

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
