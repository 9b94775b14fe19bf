-- What each verb does to an item that is accepted.
--
-- Sets apply(item, lease, verb, x, y) and add_sums(). Counts what it does in count, by add().

-- Adds to a field of the totals. If the sum does not fit in 64 bits, what was there is carried but
-- for its last digits: of a fraction, in units of 10^-9, to the whole part of the sum, and of that,
-- in units of 10^15, to a field of its own. A value of another client that is no number is replaced.
local function add_whole(field, by)
  if type(redis.pcall('HINCRBY', totals, field, by)) ~= 'table' then return end
  local fraction = string.sub(field, 1, 1) == 'f'
  local digits = string.rep('%d', fraction and 9 or 15)
  local sign, high, low = string.match(call('HGET', totals, field), '^(-?)(%d+)(' .. digits .. ')$')
  if not sign then
    call('HSET', totals, field, by)
    return
  end
  add_whole((fraction and 's' or 'c') .. string.sub(field, 2), sign .. high)
  call('HSET', totals, field, string.format('%.0f', 0 + (sign .. low)))
  call('HINCRBY', totals, field, by)
end

-- What is to be added, by field: one command for each key of a call, not of an item. A Lua number
-- has every whole number up to 2^53; larger ones are added at once.
local sums, EXACT = {}, 2 ^ 53

local function add_sums()
  for field, sum in pairs(sums) do add_whole(field, string.format('%.0f', sum)) end
end

-- Carries out one verb; true when the item is done for good.
local function apply(item, lease, verb, x, y)
  local place = places[verb]
  if place then
    push(place, x, y)
    return true
  elseif verb == 'add' then
    local sum = (sums[x] or 0) + y
    if math.abs(y) < EXACT and math.abs(sum) < EXACT then
      sums[x] = sum
    else
      add_whole(x, y)
    end
    return true
  elseif verb == 'min' or verb == 'max' then
    local held = tonumber(call('HGET', totals, x) or nil)
    local new = tonumber(y)
    if not held or verb == 'min' and new < held or verb == 'max' and new > held then
      call('HSET', totals, x, y)
    end
    return true
  elseif verb == 'distinct' then
    call('PFADD', distinct, x)
    return true
  elseif verb == 'keep' then
    -- The last of its lease: no number is greater.
    call('HSET', checkpoints, string.sub(lease, -56), y .. ' 9007199254740991 ' .. x)
    return false
  elseif verb == 'release' then
    add('released')
  else
    local sha = string.sub(lease, -56)
    call('HSET', failures, sha, string.format('{"at_ms":%.0f,', now) .. x)
    if verb == 'fail' then
      call('HINCRBY', attempts, sha, 1)
      add('failed')
    elseif verb == 'crash' then
      call('HINCRBY', crashes, sha, 1)
      add('crashed')
    end
  end
  if y == '0' then
    call('RPUSH', ready, item)
  else
    local buried = y == ''
    if call('ZADD', buried and dead or delayed, buried and now or now + y, item) == 0 then
      add('merged')
    end
    if buried then add('dead') end
  end
  return false
end
