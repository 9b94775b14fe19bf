-- register_queue: writes the name of a queue into the registry of its database, with the time
--
-- A producer calls it before `open`, so that a queue that exists is registered, whatever Redis
-- loses. The registry is no key of the queue: nothing of the queue depends on it.
--
-- ROLES: producer worker
-- KEYS: registry
-- ARGV:
--   queue text -- the name of the queue
-- ANSWERS:
--   registered -- the server's time in ms: the score of the name now

redis.call('ZCARD', KEYS[1]) -- leaves the expiry of another application's key alone
redis.call('PERSIST', KEYS[1]) -- the first write, since it is allowed at maxmemory
--@include now
redis.call('ZADD', KEYS[1], now, ARGV[1])
return now
