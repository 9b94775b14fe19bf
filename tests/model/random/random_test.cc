#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "model/random/random_run.h"

namespace wq::test::random {
namespace {

constexpr std::size_t kSteps = 6'000;
// Some mistakes show only where several unlikely things meet.
constexpr std::uint64_t kSeedsForAMistake = 8;

std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::stoull(text);
}

void expect_agreement(FrozenRedis& redis, std::uint64_t seed, std::size_t steps) {
  try {
    RandomRun(redis, seed).run(steps);
  } catch (const Mismatch& mismatch) {
    FAIL() << mismatch.what();
  }
}

class RandomOperations : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(RandomOperations, RedisAndTheModelAgreeForSeed) {
  FrozenRedis redis;
  expect_agreement(redis, GetParam(), kSteps);
}

TEST_P(RandomOperations, ScriptsUnderLua54AndTheModelAgreeForSeed) {
  FrozenRedis redis;
  redis.use_lua54();
  expect_agreement(redis, GetParam(), kSteps);
}

INSTANTIATE_TEST_SUITE_P(Fixed, RandomOperations, ::testing::Range<std::uint64_t>(1, 6));

// Another seed each time, or the one that is asked for.
TEST(RandomOperations, RedisAndTheModelAgreeForAFreshSeed) {
  const std::uint64_t seed = number_from_environment("WQ_RANDOM_SEED", std::random_device{}());
  RecordProperty("seed", std::to_string(seed));
  FrozenRedis redis;
  expect_agreement(redis, seed, number_from_environment("WQ_RANDOM_STEPS", kSteps));
}

// A script with one mistake in it is told from the one that is built.
class WrongScript : public ::testing::TestWithParam<ScriptChange> {};

TEST_P(WrongScript, IsFound) {
  FrozenRedis redis;
  redis.change(GetParam());
  for (std::uint64_t seed = 1; seed <= kSeedsForAMistake; ++seed) {
    try {
      RandomRun(redis, seed).run(kSteps);
    } catch (const Mismatch&) {
      RecordProperty("seed", std::to_string(seed));
      return;
    }
  }
  ADD_FAILURE() << "in " << GetParam().script << ".lua, " << GetParam().to << " in place of "
                << GetParam().from;
}

const ScriptChange kChanges[] = {
    {"attach", "if fence < now then", "if false then"},
    {"attach", "redis.call('GET', KEYS[1])", "redis.call('GET', KEYS[1]) or '0'"},
    {"claim", "if not redis.call('GET', KEYS[2]) then", "if false then"},
    {"pop", "KEYS[7], KEYS[8])", "KEYS[7])"},
    {"claim", "KEYS[5], KEYS[6])", "KEYS[5])"},
    {"settle", "' 9007199254740991 '", "' 1 '"},
    {"checkpoint", "held[i] == holder then", "held[i] then"},
    {"checkpoint", "redis.call('HEXISTS', stats, 'id') == 1", "true"},
    {"checkpoint", "redis.call('PEXPIRE', lease, ARGV[1])", ""},
    {"checkpoint", "kept_fence ~= fence or", ""},
    {"checkpoint", "tonumber(kept_number) < tonumber(number)", "true"},
    {"claim", "redis.call('INCR', KEYS[2])", "redis.call('GET', KEYS[2])"},
    {"claim", "redis.call('LREM', KEYS[1], 1, ARGV[2]) == 0", "false"},
    {"claim", "redis.call('LREM', KEYS[1], 1, ARGV[2])", "redis.call('LREM', KEYS[1], 0, ARGV[2])"},
    {"claim", "redis.call('EXISTS', KEYS[8]) == 1", "false"},
    {"claim", "redis.call('RPUSH', KEYS[7], ARGV[2])", "redis.call('LPUSH', KEYS[7], ARGV[2])"},
    {"claim", "redis.call('LPUSH', KEYS[1], ARGV[2])", ""},
    {"close", "tonumber(seen) > tonumber(ARGV[2])", "false"},
    {"counts", "for set = key + 2, key + 4 do", "for set = key + 2, key + 3 do"},
    {"drop", "redis.call('LREM', ready, -1, item)", "redis.call('LREM', ready, 1, item)"},
    {"drop", "tonumber(score) <= latest and", ""},
    {"drop", "if not held then", "if true then"},
    {"drop", "elseif held then", "elseif false then"},
    {"drop", "'dropped', dropped)", "'dropped', 1)"},
    {"drop_ready", "at = last + 1", "at = 1"},
    {"drop_ready", "for i = #items, 1, -1 do", "for i = 1, #items do"},
    {"drop_ready", "0, -n - 1)", "0, -n - 2)"},
    {"drop_ready", "(counts[1] or 0) + (counts[2] or 0)", "(counts[1] or 0)"},
    {"drop_ready", "(counts[1] or 0) + (counts[2] or 0)", "(counts[2] or 0)"},
    {"drop_ready", "- math.max(0, put - ARGV[2])", ""},
    {"drop_ready", "math.max(0, put - ARGV[2])", "(put - ARGV[2])"},
    {"drop_ready", "'dropped', #dropped)", "'dropped', #items)"},
    {"end_strays", "held[i] == ARGV[1 + i] and", ""},
    {"end_strays", "and string.find(held[i], '#', 1, true) then", "then"},
    {"end_strays", "left <= tonumber(ARGV[1])", "left < tonumber(ARGV[1])"},
    {"end_strays", "left >= 0 and", ""},
    {"find", "'RANK', -1,", "'RANK', 1,"},
    {"find", "redis.call('LLEN', list) > most", "redis.call('LLEN', list) >= most"},
    {"forget_queues", "and tonumber(score) == tonumber(ARGV[i + 1])", ""},
    {"forget_queues", "for i = 1, #ARGV, 2 do", "for i = 3, #ARGV, 2 do"},
    {"register_queue", "redis.call('PERSIST', KEYS[1])", ""},
    {"register_queue", "KEYS[1], now, ARGV[1])", "KEYS[1], 'NX', now, ARGV[1])"},
    {"forget", "redis.call('EXISTS', KEYS[FIXED + i]) == 0", "true"},
    {"forget", "for k = 1, FIXED do\n", "for k = 1, FIXED - 1 do\n"},
    {"forget", "for k = 1, FIXED do redis", "for k = 1, FIXED - 1 do redis"},
    {"isolate", "if held == marked then\n  return 1", "if held == marked then\n  return 0"},
    {"isolate", "elseif held ~= ARGV[2] then", "elseif not held then"},
    {"isolate", "left >= 0 and left <= tonumber(ARGV[1])", "false"},
    {"isolate", "left <= tonumber(ARGV[1])", "left < tonumber(ARGV[1])"},
    {"isolate", "left >= 0 and", ""},
    {"isolate", ", 'KEEPTTL')", ")"},
    {"isolate", "redis.call('SET', KEYS[2], marked, 'KEEPTTL')", ""},
    {"last_due", "'ZREVRANGE'", "'ZRANGE'"},
    {"open", "others = others - 1", "others = others"},
    {"open", "redis.call('HSETNX', KEYS[7], 'floor', 0)",
     "redis.call('HSET', KEYS[7], 'floor', 0)"},
    {"open", "redis.call('PERSIST', KEYS[7])", ""},
    {"page", "tonumber(a) + put - tonumber(b)", "tonumber(a)"},
    {"page", "(counts[2] or 0)", "0"},
    {"page", "-seen - n, -seen - 1", "-seen - n, -seen"},
    {"page", "redis.call('ZSCORE', set, b) == a", "redis.call('ZSCORE', set, b)"},
    {"page", "'-inf', '(' .. a", "'-inf', a"},
    {"write_at_maxmemory", "unpack(ARGV, 2)", "'foo#1', unpack(ARGV, 3)"},
    {"pop", "redis.call('EXISTS', KEYS[5]) == 1", "false"},
    {"pop", "fence = redis.call('INCRBY', KEYS[3], #items)",
     "fence = redis.call('INCRBY', KEYS[3], 1)"},
    {"pop", "if not fence then", "if false then"},
    {"promote", "'-inf', now, 'LIMIT'", "'-inf', now + 1, 'LIMIT'"},
    {"promote", "redis.call('ZADD', KEYS[1], longest, item)", "local unused = item"},
    {"purge", "for first = 2, #KEYS, CHUNK do", "for first = 1, #KEYS, CHUNK do"},
    {"purge", "if redis.call('ZCARD', replays) ~= #ARGV then", "if false then"},
    {"purge", "if not redis.call('ZSCORE', replays, session) then", "if false then"},
    {"purge", "redis.call('HSET', KEYS[FIXED + i], 'purged', 1)", ""},
    {"purge", "3600000", "3600001"},
    {"purge_leases", "fence <= last", "fence < last"},
    {"purge_leases", "fence <= last", "true"},
    {"purge_leases", "not fence and not begun", "not fence"},
    {"purge_leases", "(%d+)!?$", "(%d+)$"},
    {"push", "if purged then", "if false then"},
    {"push", "return tonumber(before)", "local unused = before"},
    {"push", "if number <= floor then", "if false then"},
    {"push", "if tonumber(ARGV[3]) > floor and not last then", "if false then"},
    {"push", "redis.call('HINCRBY', replay, 'added', n)", ""},
    {"push", "redis.call('HINCRBY', stats, 'recovered', n)", ""},
    {"push", "redis.call('HINCRBY', stats, 'lost', -back)", ""},
    {"touch", "if not floor or not last and tonumber(ARGV[3]) > tonumber(floor) then",
     "if false then"},
    {"touch", "if not floor or not last", "if floor and not last"},
    {"open",
     "if redis.call('EXISTS', KEYS[7]) == 1 or not redis.call('ZSCORE', KEYS[6], session) then",
     "if true then"},
    {"replayed", "last = math.max(last, tonumber(fields[i]) or 0)", ""},
    {"replayed", "redis.call('ZSCORE', KEYS[1], ARGV[1])", "false"},
    {"lost", " or ARGV[1] ~= '' and ARGV[1] ~= id", ""},
    {"lost", "redis.call('HINCRBY', KEYS[1], 'moved', -more)", ""},
    {"forget_lost", "redis.call('HINCRBY', KEYS[1], 'moved', n)", ""},
    {"push", "and not here[hash]", ""},
    {"push", "math.max(floor, answered)", "answered"},
    {"push", "if hash == '' or known[i] == 0 and", "if known and known[i] == 0 and"},
    {"push", "if hash ~= '' then", "if true then"},
    {"push", "#ARGV - n + i]", "#ARGV - n + 1]"},
    {"push", "later[#later + 1] = now + delay", "later[#later + 1] = now"},
    {"push", "merged = put_off - redis", "merged = 0 * redis"},
    {"push", "n = #fresh + put_off", "n = #fresh"},
    {"push", "n = n + following", ""},
    {"push", "redis.call('HINCRBY', stats, 'moved', -put_off)", ""},
    {"reclaim", "left <= tail", "left < tail"},
    {"reclaim", "if removed == 1 then", "if true then"},
    {"reclaim", ">= budget and alone", "> budget and alone"},
    {"reclaim", ">= budget and alone", ">= budget"},
    {"reclaim", "local alone = string.sub(holder, -1) == '!'", "local alone = true"},
    {"reclaim", "if so_far >= most_shared then return false end", ""},
    {"reclaim", "so_far >= most_shared", "so_far > most_shared"},
    {"reclaim", "math.max(budget - 1, 1)", "budget - 1"},
    {"reclaim", "alone and ', and its worker held nothing else' or ''", "''"},
    {"reclaim", "redis.call('HGET', stats, 'max_crashes')",
     "redis.call('HGET', stats, 'lease_ms')"},
    {"reclaim", "tonumber(ARGV[3]) or tonumber(", "tonumber("},
    {"reclaim", "FIXED, ITEMS, USUAL_BUDGET = 7, 3, 3", "FIXED, ITEMS, USUAL_BUDGET = 7, 3, 2"},
    {"reclaim", "merged + 1 - redis.call('ZADD', dead, now, item)",
     "merged + 0 * redis.call('ZADD', dead, now, item)"},
    {"reclaim", "left == -1 or left > longest", "left > longest"},
    {"reclaim", "if holder and not string.find(holder, '#', 1, true) then", "if not holder then"},
    {"reclaim", "if type(sign.label) == 'string'", "if sign.label"},
    {"reclaim", "string.match(holder, '^[^#]*')", "holder"},
    {"renew", "held[i] == ARGV[1 + i]", "held[i]"},
    {"requeue", "redis.call('EXISTS', KEYS[FIXED + i]) == 0 and", ""},
    {"requeue", "'LPUSH'", "'RPUSH'"},
    {"requeue", "redis.call('HINCRBY', KEYS[3], 'moved', back)", ""},
    {"retry", "tonumber(score) <= latest", "tonumber(score) < latest"},
    {"retry", "redis.call('HDEL', attempts, sha)", ""},
    {"retry", "elseif of_delayed and", "elseif"},
    {"retry", "if of_dead and", "if"},
    {"retry", "2 * redis.call('EXISTS', lease)", "0"},
    {"retry", "redis.call('RPUSH', ready, item)", "redis.call('LPUSH', ready, item)"},
    {"settle", "if held[i] == ARGV[2 + n + i] then", "if held[i] then"},
    {"settle", "if call('ZADD', buried and dead or delayed, buried and now or now + y, item) == 0",
     "if call('ZADD', buried and dead or delayed, buried and now or now + y, item) == 2"},
    {"settle", "if once ~= '' and call('SADD', queue.seen, once) == 0 then return end", ""},
    {"settle", "if once ~= '' and call('SADD'", "if call('SADD'"},
    {"settle", "call('SADD', queue.seen, once) == 0", "call('SISMEMBER', queue.seen, once) == 1"},
    {"settle", "queue = to[tonumber(ARGV[a])]", "queue = own"},
    {"settle", "wait = tonumber(ARGV[a + 1])", "wait = 0"},
    {"settle", "if place.wait == 0 then", "if true then"},
    {"settle", "stats = c, seen = s", "stats = c, seen = seen"},
    {"settle", "moved = -queue.put_off", "moved = 0"},
    {"settle", "merged = queue.merged}", "merged = 0}"},
    {"settle", "ZADD', queue.delayed, now + place.wait", "ZADD', queue.delayed, now"},
    {"settle", "call('HSETNX', queue.stats, 'id'", "call('HSET', queue.stats, 'id'"},
    {"settle", "call('HSETNX', queue.stats, 'after:' .. source, id)", ""},
    {"settle", "if verb == 'fail' then", "if verb ~= 'crash' then"},
    {"settle", "elseif verb == 'crash' then", "elseif false then"},
    {"settle", "call('HINCRBY', crashes, sha, 1)", "call('HINCRBY', attempts, sha, 1)"},
    {"settle", "local buried = y == ''", "local buried = verb == 'dead'"},
    {"settle", "if leases[lease] then", "if false then"},
    {"settle", "call('DEL', lease)", "call('EXISTS', lease)"},
    {"settle", "if tail[n + 1 - i] ~= ARGV[2 + i] then return false end", ""},
    {"settle", "if call('LREM', processing, side, item) == 0 then lose(i) end",
     "call('LREM', processing, side, item)"},
    {"settle", "for k = 2, #places do call('LSET', processing, places[k], item) end", ""},
    {"settle", "others[#others + 1] =", "others[1] ="},
    {"settle", "if not is_lost[before + k] then", "if true then"},
    {"settle", "  rest = rest + 3 + size", ""},
    {"settle", "tonumber(ARGV[rest + 1]), ARGV[rest + 2]", "tonumber(ARGV[rest + 1]), 'result'"},
    {"settle", "local complete, a = not is_lost[i], more[i]", "local complete, a = true, more[i]"},
    {"settle", "if added or ttl_ms == '0' then", "if true then"},
    {"settle", "now - ttl_ms", "now"},
    {"settle", "math.max(1, tries - #lost)", "tries"},
    {"settle", "last - kept_tries + 1", "last - kept_tries"},
    {"settle", "'lost', table.concat(lost, ',')", "'lost', ''"},
    {"settle", "call('PERSIST', results)", ""},
    {"settle", "call('PEXPIRE', results, ttl_ms)", ""},
    {"settle", "~= 'table' then return end", "then return end"},
    {"settle", "(sums[x] or 0) + y", "y"},
    {"settle", "{attempts, crashes, failures, checkpoints}", "{attempts, crashes, failures}"},
    {"settle", "9007199254740991", "1"},
    {"drop", "{attempts, crashes, failures, checkpoints}", "{attempts, crashes, failures}"},
    {"settle", "math.abs(y) < EXACT and math.abs(sum) < EXACT", "true"},
    {"settle", "sign .. high)", "high)"},
    {"settle", "0 + (sign .. low)", "0 + low"},
    {"settle", "verb == 'min' and new < held", "verb == 'min'"},
    {"settle", "verb == 'max' and new > held", "verb == 'max'"},
    {"settle", "call('PFADD', distinct, x)", ""},
    {"sweep", "redis.call('ZSCORE', KEYS[1], ARGV[a]) == ARGV[a + 1]", "true"},
    {"sweep", "redis.call('ZADD', KEYS[1], longest, session)", "local unused = session"},
    {"touch", "if purged then", "if false then"},
    {"touch", "redis.call('ZADD', KEYS[6], now, session)", "local unused = session"},
};

INSTANTIATE_TEST_SUITE_P(All, WrongScript, ::testing::ValuesIn(kChanges), [](const auto& each) {
  return fmt::format("{}{}", each.param.script, each.index);
});

}  // namespace
}  // namespace wq::test::random
