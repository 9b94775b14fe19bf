-- retry: puts dead letters back to ready with a fresh budget of attempts and crashes, and makes
-- delayed items due. What is kept about their last failure stays until they are done.
--
-- KEYS: dead delayed ready attempts crashes
-- ARGV: those whose time is later than this are left alone (ms, or nothing), 1 if delayed items are
--       meant as well, 1 if dead ones are, then item, its SHA-224 in hex, ...
-- RETURNS: {1 for each item that is in ready now, else 0, ...}

local dead, delayed, ready, attempts, crashes = unpack(KEYS)
local latest = tonumber(ARGV[1]) or math.huge
local of_delayed, of_dead = ARGV[2] == '1', ARGV[3] == '1'
for _, set in ipairs({dead, delayed}) do redis.call('ZCARD', set) end
redis.call('LLEN', ready)
redis.call('HLEN', attempts)
redis.call('HLEN', crashes)

-- ZREM is allowed at maxmemory, and after it the rest of the script.
local function take(set, item)
  local score = redis.call('ZSCORE', set, item)
  return score and tonumber(score) <= latest and redis.call('ZREM', set, item) == 1
end

local answers = {}
for a = 4, #ARGV, 2 do
  local item, sha = ARGV[a], ARGV[a + 1]
  local back = 0
  if of_dead and take(dead, item) then
    redis.call('HDEL', attempts, sha)
    redis.call('HDEL', crashes, sha)
    back = 1
  elseif of_delayed and take(delayed, item) then
    back = 1
  end
  if back == 1 then
    redis.call('RPUSH', ready, item)
  end
  answers[#answers + 1] = back
end
return answers
