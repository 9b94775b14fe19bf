-- checkpoint: saves the checkpoint of an item whose lease is exactly the holder's, and renews the lease
--
-- A checkpoint has the fence of its lease and a number that counts up within the lease. So an older
-- one of the same lease, that arrives late, replaces nothing; one of another lease is refused.
--
-- ROLES: worker
-- KEYS: checkpoints stats lease...
-- ARGV:
--   life integer ms 1..90000000 -- the new life of the keys, the tail included
--   each lease
--     holder text -- the holder, session#fence, with ! if the lease has the mark
--   each lease
--     number integer 1.. -- counts the checkpoints of the lease
--   each lease
--     checkpoint bytes -- what the next attempt gets
-- ANSWERS:
--   {position...} -- the leases that are lost

local unpack = table.unpack or unpack  -- of Lua 5.4 or 5.1
local checkpoints, stats = KEYS[1], KEYS[2]
local FIXED = 2
local n = #KEYS - FIXED
redis.call('HLEN', checkpoints)
-- A purge removes the leases last: they do not count without the queue.
local exists = redis.call('HEXISTS', stats, 'id') == 1
local held = redis.call('MGET', unpack(KEYS, FIXED + 1))
local lost = {}
for i = 1, n do
  local lease, holder = KEYS[FIXED + i], ARGV[1 + i]
  if exists and held[i] == holder then
    redis.call('PEXPIRE', lease, ARGV[1])
    local sha, fence, number = string.sub(lease, -56), string.match(holder, '#(%d+)'), ARGV[1 + n + i]
    local kept_fence, kept_number = string.match(redis.call('HGET', checkpoints, sha) or '',
                                                 '^(%d+) (%d+) ')
    if kept_fence ~= fence or tonumber(kept_number) < tonumber(number) then
      redis.call('HSET', checkpoints, sha, fence .. ' ' .. number .. ' ' .. ARGV[1 + 2 * n + i])
    end
  else
    lost[#lost + 1] = i
  end
end
return lost
