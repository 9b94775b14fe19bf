-- purge: removes everything of a queue that has one name, but for the fence, in one step
--
-- Redis frees large keys in the background. The fence stays so that no later lease repeats one. Each
-- producer's session leaves a mark for an hour, so that the producer learns of the purge.
--
-- ROLES: admin
-- KEYS: fence ready processing delayed dead attempts crashes failures results stats producers
--   workers replays reclaimer paused seen history totals distinct checkpoints
--   replay...
-- ARGV:
--   each replay
--     session text -- the session that the key belongs to
-- ANSWERS:
--   {fence, removed, results, counts} -- the last fence as text, how many keys were removed, how many
--     -- results there were, and the answer of counts before the purge
--   {} -- these are not all sessions; nothing was written

local unpack = table.unpack or unpack  -- of Lua 5.4 or 5.1
local fence, ready, processing, delayed, dead, _, _, _, results, stats = unpack(KEYS, 1, 10)
local producers, _, replays, _, paused = unpack(KEYS, 11, 15)
local FIXED = 20
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
