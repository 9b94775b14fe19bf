-- write_at_maxmemory: runs one command that Redis refuses at maxmemory (a lease, a lock, a sign of life), so
-- that a full queue can be drained: after a first write that is allowed, the rest of a script is.
--
-- KEYS: fence, the key of the command
-- ARGV: the command, and its words behind the key
-- RETURNS: what the command returns

redis.call('PERSIST', KEYS[1])
return redis.call(ARGV[1], KEYS[2], unpack(ARGV, 2))
