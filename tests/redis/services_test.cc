// Servers that withhold commands, as managed services do: what they have is enough.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <wq/queue.h>

#include "support/fault_proxy.h"
#include "support/queue_test.h"

namespace wq::test {
namespace {

using namespace std::chrono_literals;
using ::testing::SizeIs;

class EveryScript : public QueueTest {};

// What `load_scripts` does where SCRIPT LOAD is withheld.
TEST_F(EveryScript, WritesNothingWithoutKeys) {
  push({"a", "b"});
  Queue queue = open_queue();
  const Lease lease = lease_one(queue);
  const std::vector<std::string> before = everything();
  for (const internal::Script* script : internal::all_scripts()) {
    redis_.raw({"EVAL", script->text, "0"});
    EXPECT_EQ(everything(), before) << script->name;
  }
}

class WithheldCommands : public QueueTest {
 protected:
  WithheldCommands()
      : QueueTest({"rename-command CONFIG \"\"", "rename-command INFO \"\"",
                   "rename-command CLIENT \"\"", "rename-command SCRIPT \"\"",
                   "rename-command BGREWRITEAOF \"\"", "appendonly yes"}) {}
};

TEST_F(WithheldCommands, AreNotNeededToFillAndDrainAQueue) {
  push(numbered("item-", 200));
  push({std::string(2'000'000, 'x')});  // its length would be compared with CONFIG GET
  Queue queue = open_queue();
  for (std::vector<Lease> leases = queue.lease(50, 1min); !leases.empty();
       leases = queue.lease(50, 1min)) {
    static_cast<void>(queue.settle(all_completed(std::move(leases))));
  }
  EXPECT_EQ(counts().completed, 201U);
}

TEST_F(WithheldCommands, AreOneOfAUserToo) {
  redis_.call({"ACL", "SETUSER", "u", "on", ">pw", "~*", "&*", "+@all", "-config", "-info",
               "-client", "-script"});
  RedisOptions options = this->options();
  options.url = "unix://u:pw@" + server_.socket_path();
  Producer producer("q", options);
  producer.push("a");
  producer.finish();
  Queue queue("q", options);
  EXPECT_THAT(queue.lease(1, 1min), SizeIs(1));
}

class NoScriptInATransaction : public QueueTest {
 protected:
  NoScriptInATransaction() {
    proxy_.change([](std::string& bytes) {
      constexpr std::string_view kCall = "EVALSHA";
      for (std::size_t begin = bytes.find("MULTI\r\n"); begin != std::string::npos;
           begin = bytes.find("MULTI\r\n", begin + 1)) {
        const std::size_t call = bytes.find(kCall, begin);
        // A command that there is not: the server refuses it while it collects the transaction.
        if (call != std::string::npos) bytes.replace(call, kCall.size(), "NOT_IN_");
      }
    });
  }
  FaultProxy proxy_{server_};
};

TEST_F(NoScriptInATransaction, APushIsACallOfTheScript) {
  RedisOptions options = proxy_.options();
  std::vector<std::string> said;
  options.log = [&said](LogLevel, std::string_view text) { said.emplace_back(text); };
  Producer producer("q", options);
  for (const std::string& item : numbered("item-", 3'000)) producer.push(item);
  EXPECT_EQ(producer.finish().pushed, 3'000U);
  EXPECT_THAT(all(Key::ready), SizeIs(3'000));
  EXPECT_THAT(said, ::testing::Contains(::testing::HasSubstr("no script in a transaction")));
}

}  // namespace
}  // namespace wq::test
