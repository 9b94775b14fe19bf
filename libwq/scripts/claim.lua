-- claim: draws the fence for one item that BRPOPLPUSH has moved to processing, as pop does.
--
-- KEYS: processing fence stats attempts crashes
-- ARGV: an id for the queue in case it has none
-- RETURNS: {fence, 1 if some item failed before}

redis.call('HEXISTS', KEYS[3], 'id')
redis.call('PERSIST', KEYS[2])
local fence = redis.call('INCR', KEYS[2])
redis.call('HINCRBY', KEYS[3], 'leased', 1)
redis.call('HSETNX', KEYS[3], 'id', ARGV[1])
return {fence, redis.call('EXISTS', KEYS[4], KEYS[5])}
