-- What each verb does to an item that is accepted.
--
-- Sets apply(item, lease, verb, x, y). Counts what it does in count, by add().

-- Adds to a whole number of the totals that by itself would not fit in 64 bits any more: all but its
-- last 15 digits move to a field of their own.
local function carry(field, by)
  local sign, high, low = string.match(call('HGET', totals, field), '^(-?)(%d+)(' ..
                                       string.rep('%d', 15) .. ')$')
  call('HINCRBY', totals, 'c' .. string.sub(field, 2), sign .. high)
  call('HSET', totals, field, string.format('%.0f', 0 + (sign .. low)))
  call('HINCRBY', totals, field, by)
end

-- Carries out one verb; true when the item is done for good.
local function apply(item, lease, verb, x, y)
  if verb == 'push' then
    if y == '' or call('SADD', seen, y) == 1 then
      call('LPUSH', ready, x)
      add('pushed')
    end
    return true
  elseif verb == 'add' then
    if type(redis.pcall('HINCRBY', totals, x, y)) == 'table' then carry(x, y) end
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
