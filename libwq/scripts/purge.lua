-- purge: removes everything of a queue that has one name, all but the fence, in one step; Redis
-- frees what is large in the background. The fence stays so that no later lease repeats one: what
-- our fences guard outside of Redis goes on refusing whoever still works on an old item. Of the
-- producers that hold the queue open a mark stays for an hour, so that they learn of it.
--
-- KEYS: fence ready processing delayed dead attempts crashes failures results stats producers
--       workers replays reclaimer paused seen replay...
-- ARGV: the session of each replay
-- RETURNS: {the last fence, keys removed}

local FIXED = 16
local CHUNK = 1000  -- unpack() has its limits
local fence = redis.call('GET', KEYS[1]) or '0'
redis.call('ZCARD', KEYS[11])
local holds = {}
for i, session in ipairs(ARGV) do
  holds[i] = redis.call('ZSCORE', KEYS[11], session)
end
local removed = 0
for first = 2, #KEYS, CHUNK do
  removed = removed + redis.call('UNLINK', unpack(KEYS, first, math.min(first + CHUNK - 1, #KEYS)))
end
for i = 1, #ARGV do
  if holds[i] then
    redis.call('HSET', KEYS[FIXED + i], 'purged', 1)
    redis.call('PEXPIRE', KEYS[FIXED + i], 3600000)
  end
end
return {fence, removed}
