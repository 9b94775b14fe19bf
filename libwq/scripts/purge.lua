-- purge: removes everything of a queue that has one name, all but the fence, in one step; Redis
-- frees what is large in the background. The fence stays so that no later lease repeats one: what
-- our fences guard outside of Redis goes on refusing whoever still works on an old item. Of each
-- producer's session a mark stays for an hour, so that the producer learns of it.
--
-- KEYS: fence ready processing delayed dead attempts crashes failures results stats producers
--       workers replays reclaimer paused seen history replay...
-- ARGV: the session of each replay
-- RETURNS: {the last fence, keys removed, results, what counts returns of the queue as it was}, or
--          {} if these are not all sessions, and nothing was done

local fence, ready, processing, delayed, dead, _, _, _, results, stats = unpack(KEYS, 1, 10)
local producers, _, replays, _, paused = unpack(KEYS, 11, 15)
local FIXED = 17
local CHUNK = 1000  -- unpack() has its limits
if redis.call('ZCARD', replays) ~= #ARGV then
  return {}
end
for _, session in ipairs(ARGV) do
  if not redis.call('ZSCORE', replays, session) then
    return {}
  end
end
local last = redis.call('GET', fence) or '0'
local kept = redis.call('XLEN', results)
local counts = {
  redis.call('LLEN', ready),
  redis.call('LLEN', processing),
  redis.call('ZCARD', delayed),
  redis.call('ZCARD', dead),
  redis.call('ZCARD', producers),
  redis.call('EXISTS', paused),
  redis.call('HGETALL', stats),
}
local removed = 0
for first = 2, #KEYS, CHUNK do
  removed = removed + redis.call('UNLINK', unpack(KEYS, first, math.min(first + CHUNK - 1, #KEYS)))
end
for i = 1, #ARGV do
  redis.call('HSET', KEYS[FIXED + i], 'purged', 1)
  redis.call('PEXPIRE', KEYS[FIXED + i], 3600000)
end
return {last, removed, kept, counts}
