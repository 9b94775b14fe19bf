#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <wq/doctor.h>

namespace wq::internal {

/// What was read, in a form that is easy to ask, and what was found so far.
struct Diagnosis {
  const ServerFacts& facts;
  std::vector<Finding> findings;

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
[[nodiscard]] bool check_sentinel(Diagnosis& look);
void check_version(Diagnosis& look);
void check_role(Diagnosis& look);
void check_cluster(Diagnosis& look);

// memory.cc, persistence.cc, replay.cc, torn_aof.cc, replicas.cc, clients.cc
void check_eviction(Diagnosis& look);
void check_memory(Diagnosis& look);
void check_persistence(Diagnosis& look);
void check_replay(Diagnosis& look);
void check_torn_aof(Diagnosis& look);
void check_replication(Diagnosis& look);
void check_clients(Diagnosis& look, std::uint64_t workers);

// connection.cc
void check_latency(Diagnosis& look);
void check_clock(Diagnosis& look);
void check_connection(Diagnosis& look);

// keys.cc, arrival.cc, rights.cc, writes.cc
void check_keys(Diagnosis& look);
void check_arrival(Diagnosis& look);
void check_rights(Diagnosis& look, const DoctorOptions& options);
void check_writes(Diagnosis& look);

}  // namespace wq::internal
