-- What each verb does to an item that is accepted.
--
-- Sets apply(item, lease, verb, x, y). Counts what it does in count, by add().
--
-- Carries out one verb; true when the item is done for good.
local function apply(item, lease, verb, x, y)
  if verb == 'push' then
    if y == '' or call('SADD', seen, y) == 1 then
      call('LPUSH', ready, x)
      add('pushed')
    end
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
