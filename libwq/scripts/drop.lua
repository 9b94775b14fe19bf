-- drop: removes items for good, with the records of their failures and their checkpoints
--
-- ROLES: admin
-- KEYS: ready delayed dead attempts crashes failures stats checkpoints lease...
-- ARGV:
--   state text ready|delayed|dead -- where the items are removed from
--   latest integer ms or_empty -- items of a later time are left alone
--   each lease
--     item bytes -- the item
-- ANSWERS:
--   {result...} -- of each item 1: dropped, 0: not there, 2: not there but leased

local unpack = table.unpack or unpack  -- of Lua 5.4 or 5.1
local ready, delayed, dead, attempts, crashes, failures, stats = unpack(KEYS, 1, 7)
local checkpoints = KEYS[8]
local FIXED = 8
local state, latest = ARGV[1], tonumber(ARGV[2]) or math.huge
redis.call('LLEN', ready)
redis.call('ZCARD', delayed)
redis.call('ZCARD', dead)
redis.call('HEXISTS', stats, 'id')
local histories = {attempts, crashes, failures, checkpoints}
for _, hash in ipairs(histories) do redis.call('HLEN', hash) end

-- LREM and ZREM are allowed at maxmemory, and after them the rest of the script.
local function remove(item)
  if state == 'ready' then
    return redis.call('LREM', ready, -1, item)
  end
  local set = state == 'dead' and dead or delayed
  local score = redis.call('ZSCORE', set, item)
  return score and tonumber(score) <= latest and redis.call('ZREM', set, item) or 0
end

local answers, dropped = {}, 0
for i = 1, #ARGV - 2 do
  local item, lease = ARGV[2 + i], KEYS[FIXED + i]
  local held = redis.call('EXISTS', lease) == 1
  local answer = remove(item)
  if answer == 1 then
    dropped = dropped + 1
    if not held then -- an equal item that is held has the same history
      for _, hash in ipairs(histories) do redis.call('HDEL', hash, string.sub(lease, -56)) end
    end
  elseif held then
    answer = 2
  end
  answers[i] = answer
end
if dropped > 0 then
  redis.call('HINCRBY', stats, 'dropped', dropped)
end
return answers
