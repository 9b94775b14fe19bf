-- settle: completes, fails or releases items, each on its own
--
-- An item is accepted if and only if its lease is exactly the given holder and a copy of it is then
-- removed from processing.
--
-- ROLES: worker
-- KEYS: processing stats fence attempts crashes failures results ready delayed dead seen history
--   totals distinct checkpoints lease... queue:ready,delayed,stats,seen...
-- ARGV:
--   lowest_fence integer 1.. -- the lowest fence among the items
--   targets integer 0.. -- how many queues follow the leases in KEYS: those that other items go to
--   each lease
--     item bytes -- the item
--   each lease
--     holder text -- the holder, session#fence, with ! if the lease has the mark
--   optional -- if there is more than bare completions
--     results_life integer ms 0.. -- how long results are kept; 0: for ever
--     kept_tries integer tries 0.. -- how many tries the history keeps
--     begun_tries integer tries 0.. -- how many of these items were begun; 0: nothing is recorded
--     record json or_empty -- the entry of the history
--     places integer 0.. -- to how many places items are pushed, besides ready of this queue
--     runs integer 0.. -- how many runs of items with a result follow
--     each places
--       target integer 0.. -- which of the targets, from 1, or 0: this queue
--       wait integer ms 0..86400000 -- how long an item waits there before it is ready
--     each runs
--       first integer items 1.. -- the position of the first item
--       size integer items 1.. -- how many items
--       field text result|json -- the name of the entries' field; json: the result is one JSON value
--       each size
--         result bytes -- the result of the item
--     repeated -- the lines of an item together
--       position integer items 1.. -- the position of the item
--       verb text push|add|min|max|distinct|keep|fail|crash|dead|release -- or the number of a place. Those and the
--         -- first five: the item is complete, and pushes another, to ready or to that place, or changes the totals
--       operand bytes or_empty -- push: the item to push; add, min, max: the field of the totals;
--         -- distinct: the key to count; keep: the checkpoint; release: empty; else the failure, a JSON object without its
--         -- first brace
--       more bytes or_empty -- push: the 28-byte SHA-224 of a key, of which nothing is pushed twice;
--         -- add: a whole number; min, max: a number; keep: the fence; else the delay in ms: empty buries the item, 0
--         -- of release means ready
-- ANSWERS:
--   {position...} -- the items that are lost

local unpack = table.unpack or unpack  -- of Lua 5.4 or 5.1
local call, KEYS, ARGV = redis.call, KEYS, ARGV  -- locals are faster
local processing, stats, fence, attempts, crashes, failures = unpack(KEYS, 1, 6)
local results, ready, delayed, dead, seen, history = unpack(KEYS, 7, 12)
local totals, distinct, checkpoints = unpack(KEYS, 13, 15)
local FIXED = 15
local targets = tonumber(ARGV[2])
local n = #KEYS - FIXED - 4 * targets
local more = {}  -- where in ARGV what else is said of an item begins
local ttl_ms, kept_tries, tries = unpack(ARGV, 2 * n + 3, 2 * n + 5)
local runs = tonumber(ARGV[2 * n + 8] or 0)
local first_place = 2 * n + 9
local first_run = first_place + 2 * (ARGV[2 * n + 7] or 0)
local rest = first_run
tries = tonumber(tries or 0)
for _ = 1, runs do rest = rest + 3 + ARGV[rest + 1] end
local adds_distinct = false
for a = #ARGV - 3, rest, -4 do
  more[tonumber(ARGV[a])] = a
  adds_distinct = adds_distinct or ARGV[a + 1] == 'distinct'
end

-- Everything is read first: a key of another type in the way must stop us before the first write.
local length = call('LLEN', processing)
local since = math.max(0, (tonumber(call('GET', fence)) or 0) - ARGV[1])
call('HEXISTS', stats, 'id')
if tries > 0 then call('XLEN', history) end
local histories = {attempts, crashes, failures, checkpoints}
local has_history = call('EXISTS', unpack(histories)) > 0
local now
if has_history or runs > 0 or next(more) then
  for _, hash in ipairs(histories) do call('HLEN', hash) end
  for _, set in ipairs({delayed, dead}) do call('ZCARD', set) end
  call('XLEN', results)
  call('LLEN', ready)
  call('SCARD', seen)
  call('HLEN', totals)
  if adds_distinct then call('PFCOUNT', distinct) end
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
for key = FIXED + n + 1, #KEYS, 4 do
  call('LLEN', KEYS[key])
  call('ZCARD', KEYS[key + 1])
  call('HEXISTS', KEYS[key + 2], 'id')
  call('SCARD', KEYS[key + 3])
end
local held = call('MGET', unpack(KEYS, FIXED + 1, FIXED + n))

local count = {}
local function add(field)
  count[field] = (count[field] or 0) + 1
end

--@include settle_push
--@include settle_verbs
--@include settle_own
--@include settle_take
--@include settle_results

local completed = 0
if not (has_history or next(more)) then
  completed = n - #lost
else
  for i = 1, n do
    local complete, a = not is_lost[i], more[i]
    local position = complete and a and ARGV[a]
    while position and ARGV[a] == position do
      complete = apply(ARGV[2 + i], KEYS[FIXED + i], ARGV[a + 1], ARGV[a + 2], ARGV[a + 3])
      a = a + 4
    end
    if complete then
      completed = completed + 1
      if has_history then
        local sha = string.sub(KEYS[FIXED + i], -56)
        for _, hash in ipairs(histories) do call('HDEL', hash, sha) end
      end
    end
  end
end
if completed > 0 then
  count.completed = completed
end
if next(more) then
  add_sums()
  add_pushed()
end

--@include settle_history

for field, by in pairs(count) do
  call('HINCRBY', stats, field, by)
end
return lost
