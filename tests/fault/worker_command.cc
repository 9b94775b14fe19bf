#include "fault/worker_command.h"

#include <initializer_list>

#include "fault/verdict.h"
#include "support/paths.h"

namespace wq::fault {
namespace {

// What wq-worker runs for an item. The shell does not overwrite a file with set -C, so that each
// fault happens once.
constexpr const char* kHandler = R"(
first() { (set -C; : >"$FAULT_MARKS/$1") 2>/dev/null; }
case $1 in
  *:kill-handler) first "$1" && kill -9 $$ ;;
  *:kill-worker) first "$1" && kill -9 $PPID ;;
  *:poison) kill -9 $PPID; sleep 10 ;;
  *:fail) first "$1" && exit 1 ;;
  *:outlast-lease) first "$1" && sleep 0.8 ;;
esac
printf '{"item": "done %s", "queue": "next"}' "$1" >"$WQ_FOLLOWUPS_FILE"
printf 'done %s' "$1"
)";

std::vector<std::string> wq_worker(const Plan& plan, std::initializer_list<const char*> rest) {
  std::vector<std::string> command{test::kWorkerProgram,
                                   "--queue",
                                   kQueue,
                                   "--lease",
                                   std::to_string(plan.lease.count()) + "ms",
                                   "--grace",
                                   "200ms",
                                   "--max-attempts",
                                   "1000",
                                   "--max-crashes",
                                   std::to_string(plan.max_crashes),
                                   "--backoff",
                                   "10ms..50ms",
                                   "--halt",
                                   "0",
                                   "--redis-patience",
                                   "60s",
                                   "--follow-ups-to",
                                   kNextQueue};
  command.insert(command.end(), rest.begin(), rest.end());
  return command;
}

}  // namespace

std::vector<std::string> worker_command(Plan::Worker kind, const Plan& plan) {
  switch (kind) {
    case Plan::Worker::processes:
      return wq_worker(plan, {"--results", "--reduce", "sum", "--concurrency", "4", "--", "sh",
                              "-c", kHandler, "_", "{}"});
    case Plan::Worker::coprocesses:
      return wq_worker(plan, {"--reduce", "sum", "--concurrency", "2", "--coprocess", "--batch",
                              "8", "--", WQ_TEST_PYTHON, WQ_FAULT_COPROCESS});
    case Plan::Worker::batches:
      return {WQ_FAULT_WORKER, kQueue, std::to_string(plan.lease.count()),
              std::to_string(plan.max_crashes)};
  }
  return {};
}

}  // namespace wq::fault
