#pragma once

#include "doctor/diagnosis.h"
#include "doctor/examination.h"

namespace wq::internal {

// The checks of the doctor, each in the file of its subject: `read_x` asks the server, `check_x`
// judges the facts without a server. A check without `read_x` uses INFO and the settings, which
// `read_server` reads.

// kind.cc
void read_server(Examination& look);
/// True, with a finding, if this is a Sentinel: then there is nothing else to look at.
[[nodiscard]] bool check_sentinel(Diagnosis& look);
void check_version(Diagnosis& look);
void check_role(Diagnosis& look);
void check_cluster(Diagnosis& look);

// memory.cc
void check_eviction(Diagnosis& look);
void check_memory(Diagnosis& look);

// persistence.cc
void check_persistence(Diagnosis& look);

// replay.cc
void read_replay(Examination& look);
void check_replay(Diagnosis& look);

// torn_aof.cc
void check_torn_aof(Diagnosis& look);

// replicas.cc
void check_replication(Diagnosis& look);

// durable.cc
void read_durable(Examination& look);
void check_durable(Diagnosis& look);

// clients.cc
void check_clients(Diagnosis& look);

// connection.cc
void read_connection(Examination& look);
void check_latency(Diagnosis& look);
void check_clock(Diagnosis& look);
void check_connection(Diagnosis& look);

// keys.cc
void read_keys(Examination& look);
void check_keys(Diagnosis& look);

// arrival.cc
void read_arrival(Examination& look);
void check_arrival(Diagnosis& look);

// rights.cc
void read_rights(Examination& look);
void check_rights(Diagnosis& look);

// other_queues.cc
void read_other_queues(Examination& look);
void check_other_queues(Diagnosis& look);

// writes.cc
void read_writes(Examination& look);
void check_writes(Diagnosis& look);

}  // namespace wq::internal
