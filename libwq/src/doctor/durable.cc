// What --durable of planned programs needs.
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/info.h"
#include "doctor/checks.h"

namespace wq::internal {
namespace {

std::uint64_t online_replicas(const Diagnosis& look) {
  std::uint64_t online = 0;
  for (std::uint64_t i = 0;; ++i) {
    const std::string line = look.info(fmt::format("slave{}", i));
    if (line.empty()) return online;
    if (line.find("state=online") != std::string::npos) ++online;
  }
}

std::string waits_for(const Diagnosis& look) {
  if (look.info("aof_enabled") != "1") {
    return "WAIT: in the memory of replicas, as the server has no append-only file";
  }
  if (!look.facts.knows_waitaof) {
    return "WAIT: in the memory of replicas, as the server does not know WAITAOF";
  }
  if (look.setting("appendfsync") == "no") {
    return "WAIT: in the memory of replicas, as the server has appendfsync no";
  }
  return "WAITAOF: on the disk of the server and of replicas, which need appendonly yes too";
}

}  // namespace

void read_durable(Examination& look) {
  if (look.options.durable == 0) return;
  const std::vector<Command> commands{
      {"INFO", "replication"}, {"WAIT", "0", "1"}, {"WAITAOF", "0", "0", "1"}};
  const auto said = refusals(Connection(look.login), commands, look.facts);
  if (!said) return;
  look.facts.knows_waitaof = !is_unknown(said->back());
  const bool may_use_it = look.facts.knows_waitaof &&
                          info_field(look.facts.info, "aof_enabled") == "1" &&
                          info_field(look.facts.config, "appendfsync") != "no";
  for (std::size_t i = 0; i < commands.size(); ++i) {
    const std::string& text = (*said)[i];
    if (text.empty() || (i + 1 == commands.size() && !may_use_it)) continue;
    look.facts.durable_refused.push_back(command_name(commands[i]));
  }
}

void check_durable(Diagnosis& look) {
  const std::uint64_t wanted = look.options.durable;
  if (wanted == 0 || look.info("role") == "slave") return;
  if (!look.facts.durable_refused.empty()) {
    return look.fail("durable",
                     fmt::format("programs with --durable may not send {}",
                                 fmt::join(look.facts.durable_refused, " ")),
                     "They end with an error when they start.",
                     fmt::format("ACL SETUSER {} +{}, and no rename-command of them.",
                                 look.facts.user, fmt::join(look.facts.durable_refused, " +")));
  }
  const std::uint64_t online = online_replicas(look);
  if (online < wanted) {
    return look.fail(
        "durable", fmt::format("{} of the {} replicas of --durable are connected", online, wanted),
        "Programs wait for them, up to --redis-patience.",
        "Connect replicas, or use a lower --durable.");
  }
  look.find(FindingLevel::ok, "durable",
            fmt::format("{} replicas are connected, of {} of --durable", online, wanted),
            "Programs wait by " + waits_for(look) + ".", "");
}

}  // namespace wq::internal
