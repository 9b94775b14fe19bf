-- write_at_maxmemory: runs one command that Redis refuses at maxmemory, such as SET of a lease
--
-- A full queue can be drained so: behind a first write that is allowed, the rest of a script is.
--
-- ROLES: worker admin
-- KEYS: fence any
-- ARGV:
--   command text -- the command, whose key is the second of KEYS
--   repeated
--     word bytes -- a word behind the key
-- ANSWERS:
--   any -- the answer of the command

local unpack = table.unpack or unpack  -- of Lua 5.4 or 5.1
redis.call('PERSIST', KEYS[1])
return redis.call(ARGV[1], KEYS[2], unpack(ARGV, 2))
