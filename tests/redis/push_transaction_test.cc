// A push whose items follow the script within a transaction: accepted it is all there, in every
// other case nothing is.
#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <wq/error.h>
#include <wq/queue.h>

#include "base/unique_fd.h"
#include "queue/push_batch.h"
#include "support/eventually.h"
#include "support/queue_test.h"

namespace wq::test {
namespace {

using namespace std::chrono_literals;
using internal::CommandBuffer;
using internal::PushBatch;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::string_view kSession = "s";
constexpr std::size_t kMany = 100;

// A connection that can stop in the middle of a command.
class BareClient {
 public:
  explicit BareClient(const RedisServer& server) : fd_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    server.socket_path().copy(address.sun_path, sizeof address.sun_path - 1);
    if (::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      throw std::system_error(errno, std::generic_category(), "connect");
    }
  }

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n < 0) throw std::system_error(errno, std::generic_category(), "send");
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  // Waits for it; what comes next must begin so.
  void receive(std::string_view expected) {
    std::string got(expected.size(), '\0');
    const ssize_t n = ::recv(fd_.get(), got.data(), got.size(), MSG_WAITALL);
    EXPECT_EQ(got.substr(0, n < 0 ? 0 : static_cast<std::size_t>(n)), expected);
  }
  // Returns when Redis has seen all that was sent, and the end.
  void hang_up() {
    ::shutdown(fd_.get(), SHUT_WR);
    std::array<char, 4096> rest{};
    while (::recv(fd_.get(), rest.data(), rest.size(), 0) > 0) continue;
  }

 private:
  internal::UniqueFd fd_;
};

// A push up to its last command, and that.
struct Halves {
  std::string first;
  std::string exec;
};

struct Call {
  std::uint64_t number = 1;
  std::uint64_t answered = 0;
};

class PushTransaction : public QueueTest {
 protected:
  explicit PushTransaction(const std::vector<std::string>& config = {}) : QueueTest(config) {
    load();
    open();
  }
  void TearDown() override {
    EXPECT_FALSE(redis_.exists(keys_.pushing(kSession)));
    QueueTest::TearDown();
  }

  void load() { internal::load_scripts(redis_.connection(), {&internal::scripts::push}); }
  void open() {
    script(internal::scripts::open, {keys_.replay(kSession)},
           {std::string(kSession), "60000", "0"});
  }
  void close() {
    script(internal::scripts::close, {keys_.replay(kSession)}, {std::string(kSession), ""});
  }

  [[nodiscard]] CommandBuffer encoded(const PushBatch& batch, const Call& call = {}) const {
    CommandBuffer out;
    batch.append_to(out, keys_,
                    {.session = kSession,
                     .number = call.number,
                     .after = 0,
                     .answered = call.answered,
                     .hold = 60s,
                     .queue_id = "id",
                     .again = false});
    EXPECT_EQ(out.size(), 5U) << "not a transaction";
    return out;
  }
  [[nodiscard]] Halves halves(const PushBatch& batch) const {
    const std::string bytes = encoded(batch).bytes();
    const std::size_t exec = bytes.rfind("*1\r\n$4\r\nEXEC");
    return {bytes.substr(0, exec), bytes.substr(exec)};
  }
  // The answer as text: a number, or a word. Throws as a producer sees it.
  std::string push(const std::vector<std::string>& items, const Call& call = {}) {
    const PushBatch batch = batch_of(items);
    RedisClient producer(options());  // of no use after an error
    producer.connection().send(encoded(batch, call));
    const internal::PushAnswer answer = batch.receive_from(producer.connection());
    return answer.added ? std::to_string(*answer.added) : answer.refusal;
  }
  // What keeps a push from being carried out: the code of the error.
  std::string code_of_push(const std::vector<std::string>& items) {
    try {
      return "answered: " + push(items);
    } catch (const RefusedError& error) {
      return "final: " + error.code();
    } catch (const ReplyError& error) {
      return error.transient() ? error.code() : "not transient: " + error.code();
    }
  }
  static PushBatch batch_of(const std::vector<std::string>& items) {
    PushBatch batch;
    for (const std::string& item : items) batch.add({.item = item});
    return batch;
  }

  std::int64_t memory(const std::string& what) {
    const std::string info = redis_.text({"INFO", "memory"}).value_or("");
    return std::stoll(info.substr(info.find("\n" + what + ":") + what.size() + 2));
  }

  // The queue has begun and holds nothing.
  void drain() {
    QueueTest::push({"x"});
    Queue queue = open_queue();
    static_cast<void>(queue.settle({completed(lease_one(queue))}));
  }

  const std::vector<std::string> many_ = numbered("i", kMany);
};

TEST(PushBatches, OfFewItemsOrOfItemsWithTermsAreOneCall) {
  for (const auto& [last, items] :
       std::vector<std::pair<PushItem, std::size_t>>{{{.item = "last"}, 2},
                                                     {{.item = "last", .once_key = "k"}, kMany},
                                                     {{.item = "last", .delay = 1s}, kMany}}) {
    PushBatch batch;
    for (const std::string& item : numbered("i", items - 1)) batch.add({.item = item});
    batch.add(last);
    CommandBuffer out;
    batch.append_to(out, internal::Keys("q"), {kSession, 1, 0, 0, 60s, "id", false});
    EXPECT_EQ(out.size(), 1U);
  }
}

TEST_F(PushTransaction, FillsAnEmptyQueueInOrder) {
  EXPECT_EQ(push(many_), "100");
  EXPECT_THAT(all(Key::ready), ElementsAreArray(many_.rbegin(), many_.rend()));
  EXPECT_EQ(counts().pushed, kMany);
  EXPECT_EQ(counts().id, "id");
}

TEST_F(PushTransaction, AddsOnTheLeftOfWhatIsReady) {
  push_past_us({"first"});
  EXPECT_EQ(push(many_), "100");
  EXPECT_EQ(push(numbered("more", kMany), {2, 1}), "100");
  std::vector<std::string> expected = {"first"};
  expected.insert(expected.end(), many_.begin(), many_.end());
  for (const std::string& item : numbered("more", kMany)) expected.push_back(item);
  EXPECT_THAT(all(Key::ready), ElementsAreArray(expected.rbegin(), expected.rend()));
  EXPECT_EQ(counts().pushed, 2 * kMany);
}

TEST_F(PushTransaction, TheSameNumberAgainGetsTheStoredAnswer) {
  push(many_);
  const auto before = everything();
  EXPECT_EQ(push(many_), "100");
  EXPECT_EQ(everything(), before);
}

TEST_F(PushTransaction, TheSameNumberAgainOnADrainedQueueGetsTheStoredAnswer) {
  push(many_);
  Queue queue = open_queue();
  static_cast<void>(queue.settle(all_completed(queue.lease(kMany, 1min))));
  const auto before = everything();
  EXPECT_EQ(push(many_), "100");
  EXPECT_EQ(everything(), before);
}

TEST_F(PushTransaction, ANumberThatWasAnsweredIsStale) {
  push(many_);
  push(many_, {2, 1});
  const auto before = everything();
  EXPECT_EQ(push(many_), "stale");
  EXPECT_EQ(everything(), before);
}

TEST_F(PushTransaction, WithoutASessionNothingIsWritten) {
  close();
  EXPECT_EQ(push(many_), "nosession");
  EXPECT_THAT(everything(), IsEmpty());
  push_past_us({"a"});
  const auto before = everything();
  EXPECT_EQ(push(many_), "nosession");
  EXPECT_EQ(everything(), before);
}

TEST_F(PushTransaction, WithALostHoldADrainedQueueIsNotFilled) {
  drain();
  redis_.call({"DEL", key(Key::producers)});
  const auto before = everything();
  EXPECT_EQ(push(many_), "holdlost");
  EXPECT_EQ(everything(), before);
}

TEST_F(PushTransaction, WithoutTheScriptNothingIsPushed) {
  push_past_us({"a"});
  const auto before = everything();
  redis_.call({"SCRIPT", "FLUSH"});
  EXPECT_EQ(code_of_push(many_), "NOSCRIPT");
  EXPECT_EQ(everything(), before);
  load();
  EXPECT_EQ(push(many_), "100");
}

TEST_F(PushTransaction, AKeyOfAnotherTypeStopsItBeforeTheFirstWrite) {
  conserves_ = false;
  for (const Key in_the_way : {Key::ready, Key::stats, Key::producers, Key::replays}) {
    for (const bool empty : {true, false}) {
      redis_.call({"FLUSHALL"});
      open();
      if (!empty) redis_.call({"LPUSH", key(Key::ready), "a"});
      redis_.call({"DEL", key(in_the_way)});
      redis_.call({"SET", key(in_the_way), "x"});
      const auto before = everything();
      EXPECT_EQ(code_of_push(many_), "final: WRONGTYPE") << key(in_the_way);
      EXPECT_EQ(everything(), before) << key(in_the_way);
    }
  }
}

TEST_F(PushTransaction, WhatHasTheNameOfTheMovedListIsNotOverwritten) {
  push_past_us({"a"});
  redis_.call({"SET", keys_.pushing(kSession), "x"});
  const auto before = everything();
  EXPECT_EQ(code_of_push(many_), "final: WRONGTYPE");
  EXPECT_EQ(everything(), before);
  redis_.call({"DEL", keys_.pushing(kSession)});
}

TEST_F(PushTransaction, AScriptThatFailsInTheMiddleLosesNothing) {
  conserves_ = false;
  push_past_us({"a"});
  redis_.call({"HSET", key(Key::stats), "pushed", "not a number"});
  EXPECT_EQ(code_of_push(many_), "not transient: ERR");
  EXPECT_THAT(all(Key::ready), SizeIs(kMany + 1));
  redis_.call({"HDEL", key(Key::stats), "pushed"});
}

TEST_F(PushTransaction, WakesWhoeverWaitsForAnItem) {
  using Words = std::vector<std::string>;
  std::uint64_t number = 0;
  for (const Words& wait :
       {Words{"BRPOPLPUSH", "q", "q:processing", "30"},
        Words{"BLMOVE", "q", "q:processing", "RIGHT", "LEFT", "30"}, Words{"BRPOP", "q", "30"}}) {
    RedisClient waiting(options());
    CommandBuffer command;
    command.begin(wait.size());
    for (const std::string& word : wait) command.arg(word);
    waiting.connection().send(command);
    ASSERT_TRUE(eventually([this] {
      return redis_.text({"INFO", "clients"})->find("blocked_clients:1") != std::string::npos;
    }));
    ++number;
    EXPECT_EQ(push(many_, {number, number - 1}), "100");
    const Reply reply = waiting.connection().receive();
    EXPECT_EQ(reply.value().is_array() ? reply.value()[1].text() : reply.value().text(), "i0");
    redis_.call({"DEL", key(Key::ready)});
  }
  conserves_ = false;
}

TEST_F(PushTransaction, CutBeforeItsEndPushesNothing) {
  push_past_us({"a"});
  const auto before = everything();
  const Halves push = halves(batch_of(many_));
  for (const std::size_t end : {push.first.size(), push.first.size() - 1, push.first.size() / 2,
                                std::size_t{100}, std::size_t{10}}) {
    BareClient producer(server_);
    producer.send(push.first.substr(0, end));
    producer.hang_up();
    EXPECT_EQ(everything(), before) << end;
  }
  EXPECT_EQ(this->push(many_), "100");
}

TEST_F(PushTransaction, IsRefusedAsAWholeByARedisThatIsFull) {
  for (const bool empty : {true, false}) {
    if (!empty) push_past_us({"a"});
    redis_.call({"CONFIG", "SET", "maxmemory", "1"});
    const auto before = everything();
    EXPECT_EQ(code_of_push(many_), "OOM");
    EXPECT_EQ(everything(), before);
    redis_.call({"CONFIG", "SET", "maxmemory", "0"});
  }
  EXPECT_EQ(push(many_), "100");
}

TEST_F(PushTransaction, IsRefusedAsAWholeByARedisThatIsFullWhenItEnds) {
  push_past_us({"a"});
  const auto before = everything();
  const Halves push = halves(batch_of(many_));
  BareClient producer(server_);
  producer.send(push.first);
  producer.receive("+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n");
  redis_.call({"CONFIG", "SET", "maxmemory", "1"});
  producer.send(push.exec);
  producer.receive("-EXECABORT Transaction discarded because of: OOM");
  EXPECT_EQ(everything(), before);
  redis_.call({"CONFIG", "SET", "maxmemory", "0"});
}

TEST_F(PushTransaction, IsAcceptedAsAWholeWhenMemoryRunsOutWithinIt) {
  const std::vector<std::string> large(80, std::string(100'000, 'x'));
  const Halves push = halves(batch_of(large));
  BareClient producer(server_);
  producer.send(push.first);
  producer.receive("+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n");
  const std::int64_t limit =
      std::max(memory("used_memory"), memory("used_memory_peak")) + 2'000'000;
  redis_.call({"CONFIG", "SET", "maxmemory", std::to_string(limit)});
  producer.send(push.exec);
  producer.receive("*3\r\n:80\r\n:80\r\n:1\r\n");
  EXPECT_GT(memory("used_memory_peak"), limit);
  EXPECT_EQ(counts().ready, 80U);
}

TEST_F(PushTransaction, IsWaitedForWhereRedisDoesNotTakeWrites) {
  const auto before = everything();
  redis_.call({"CONFIG", "SET", "min-replicas-to-write", "1"});
  EXPECT_EQ(code_of_push(many_), "NOREPLICAS");
  redis_.call({"CONFIG", "SET", "min-replicas-to-write", "0"});
  redis_.call({"REPLICAOF", "127.0.0.1", "1"});
  EXPECT_EQ(code_of_push(many_), "READONLY");
  redis_.call({"CONFIG", "SET", "replica-serve-stale-data", "no"});
  EXPECT_EQ(code_of_push(many_), "MASTERDOWN");
  redis_.call({"REPLICAOF", "NO", "ONE"});
  EXPECT_EQ(everything(), before);
}

TEST_F(PushTransaction, IsRefusedAsAWholeWithoutARightToOneOfItsCommands) {
  const auto before = everything();
  for (const char* right : {"-evalsha", "-lpushx", "-renamenx", "-exec"}) {
    redis_.call({"ACL", "SETUSER", "default", "+@all", right});
    EXPECT_EQ(code_of_push(many_), "final: NOPERM") << right;
    redis_.call({"ACL", "SETUSER", "default", "+@all"});
    EXPECT_EQ(everything(), before) << right;
  }
}

TEST_F(PushTransaction, WithoutTheRightToTransactionsAProducerDoesNotBegin) {
  for (const char* right : {"-multi", "-exec"}) {
    redis_.call({"ACL", "SETUSER", "me", "on", ">pw", "~*", "&*", "+@all", right});
    RedisOptions options = this->options();
    options.url = "unix://me:pw@" + server_.socket_path();
    EXPECT_THROW(Producer("other", options), RefusedError) << right;
    EXPECT_NO_THROW(Producer("other", options, {.once = true})) << right;
  }
}

class PushTransactionInAof : public PushTransaction {
 protected:
  PushTransactionInAof()
      : PushTransaction({"appendonly yes", "appendfsync always", "auto-aof-rewrite-percentage 0"}) {
  }

  void restart() {
    server_.start_unmended();  // so that it is Redis who deals with the end of its file
    redis_ = RedisClient(options());
    load();
  }
  // The part of the AOF that is written now.
  [[nodiscard]] std::filesystem::path log() const {
    for (const auto& file :
         std::filesystem::recursive_directory_iterator(server_.folder().path())) {
      const std::string name = file.path().filename();
      if (name.ends_with(".incr.aof") || name == "appendonly.aof") return file.path();
    }
    throw std::runtime_error("there is no AOF");
  }
};

TEST_F(PushTransactionInAof, IsThereAfterItsAnswer) {
  EXPECT_EQ(push(many_), "100");
  server_.kill();
  restart();
  EXPECT_EQ(push(many_), "100");
  EXPECT_THAT(all(Key::ready), SizeIs(kMany));
}

TEST_F(PushTransactionInAof, IsNotThereWhenRedisIsKilledBeforeItsEnd) {
  BareClient producer(server_);
  producer.send(halves(batch_of(many_)).first);
  producer.receive("+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n");
  server_.kill();
  restart();
  EXPECT_EQ(counts().ready, 0U);
  EXPECT_EQ(push(many_), "100");
  EXPECT_THAT(all(Key::ready), SizeIs(kMany));
}

TEST_F(PushTransactionInAof, IsNotThereWhenItsRecordEndsInTheMiddle) {
  push_past_us({"a"});
  const auto begin = std::filesystem::file_size(log());
  EXPECT_EQ(push(many_), "100");
  const auto end = std::filesystem::file_size(log());
  const std::filesystem::path copy = server_.folder().path() / "copy";
  std::filesystem::copy_file(log(), copy);
  for (const auto size : {begin + 20, begin + (end - begin) / 2, end - 20, end - 1}) {
    server_.kill();
    std::filesystem::copy_file(copy, log(), std::filesystem::copy_options::overwrite_existing);
    std::filesystem::resize_file(log(), size);
    restart();
    EXPECT_THAT(all(Key::ready), ElementsAre("a")) << size - begin << " of " << end - begin;
    EXPECT_FALSE(redis_.exists(keys_.pushing(kSession)));
    EXPECT_EQ(counts().pushed, 0U);
  }
  EXPECT_EQ(push(many_), "100");
}

}  // namespace
}  // namespace wq::test
