#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <wq/doctor.h>

namespace wq::internal {

/// What was read, in a form that is easy to ask, and what was found so far.
struct Look {
  const ServerFacts& facts;
  std::vector<DoctorFinding> findings;

  /// Empty if it is not known.
  [[nodiscard]] std::string info(const std::string& field) const;
  [[nodiscard]] std::optional<std::uint64_t> number(const std::string& field) const;
  [[nodiscard]] std::string setting(const std::string& name) const;

  void find(FindingLevel level, const char* check, std::string what, std::string why,
            std::string advice);
  void pass(const char* check, std::string what) {
    find(FindingLevel::ok, check, std::move(what), "", "");
  }
  void warn(const char* check, std::string what, std::string why, std::string advice) {
    find(FindingLevel::warning, check, std::move(what), std::move(why), std::move(advice));
  }
  void fail(const char* check, std::string what, std::string why, std::string advice) {
    find(FindingLevel::error, check, std::move(what), std::move(why), std::move(advice));
  }
  /// The user may not see it.
  void blind(const char* check, const char* right);
};

// One for each thing that is looked at, in the file of its subject. kind.cc:

/// True, with a finding, if this is a Sentinel: then there is nothing else to look at.
[[nodiscard]] bool check_sentinel(Look& look);
void check_version(Look& look);
void check_role(Look& look);
void check_cluster(Look& look);

// memory.cc, persistence.cc, replay.cc, torn_aof.cc, replicas.cc, clients.cc
void check_eviction(Look& look);
void check_memory(Look& look);
void check_persistence(Look& look);
void check_replay(Look& look);
void check_torn_aof(Look& look);
void check_replication(Look& look);
void check_clients(Look& look, std::uint64_t workers);

// connection.cc
void check_latency(Look& look);
void check_clock(Look& look);
void check_connection(Look& look);

// keys.cc, arrival.cc, rights.cc, writes.cc
void check_keys(Look& look);
void check_arrival(Look& look);
void check_rights(Look& look, const DoctorOptions& options);
void check_writes(Look& look);

}  // namespace wq::internal
