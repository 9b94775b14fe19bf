#include <string>
#include <vector>

#include <fmt/format.h>

#include <wq/doctor.h>

#include "cli/output.h"
#include "wqctl/command.h"
#include "wqctl/view/findings_text.h"

namespace wq::ctl {

namespace {

constexpr const char* kDoctorSummary =
    "Looks at the server for what would hurt the queue: version, role, eviction,\n"
    "memory, persistence, replicas, connections, latency, clock, keys of others, items\n"
    "that reach workers too late, and whether the user that logs in may do what\n"
    "workers, producers, viewers (status, ls, results, metrics) and admins (retry,\n"
    "drop, pause, purge, verify) do: one of them at least, or those of --role. The\n"
    "queue need not exist. Nothing is left changed: for a user that may write it\n"
    "writes a key of the queue and removes it in the same step, so that whatever\n"
    "refuses writes is found. Each right that is missing leaves an entry in ACL LOG,\n"
    "since it is tried in a transaction that is never carried out. It answers within\n"
    "10 s; with --redis-patience it waits as long as it is told for a Redis that is\n"
    "away or refuses writes, as workers do.\n";

constexpr const char* kEnding =
    "Exit codes:\n"
    "  0    nothing to say, or warnings only\n"
    "  1    warnings, with --strict; or something failed on our side\n"
    "  2    do not start: standard output says why. Usage and a login that is refused\n"
    "       have this code too, with nothing on standard output\n"
    "  4    Redis was not reachable within --redis-patience, or, if that was given,\n"
    "       refused writes\n"
    "\n"
    "Examples:\n"
    "  wqctl doctor shards\n"
    "  wqctl doctor shards --workers 500 --strict\n"
    "  wqctl doctor shards --role worker --json | jq '.findings[] | select(.level != \"ok\")'\n";

cli::Options::Choices<Role> roles_by_name() {
  cli::Options::Choices<Role> choices;
  for (const Role role : {Role::worker, Role::producer, Role::viewer, Role::admin}) {
    choices.emplace_back(name_of(role), role);
  }
  return choices;
}

}  // namespace

cli::ExitCode run_doctor(cli::Process& process, int argc, const char* const* argv) {
  cli::ProgramText text = command_text("doctor", kDoctorSummary, "");
  text.ending = kEnding;
  cli::Options options{std::move(text)};
  DoctorOptions doctor;
  std::vector<Role> roles;
  bool json = false;
  bool strict = false;
  options.group("Doctor");
  options.add_number("workers", doctor.workers,
                     "how many more workers are planned: is there room for their connections?");
  options.add_choices(
      "role", roles, roles_by_name(),
      "whose rights the user must have; may be given several times [default: one of them at "
      "least]");
  options.add_switch("strict", strict, "leave with 1 if there are warnings");
  options.add_switch("json", json, "one JSON object instead of lines for people");
  Target target;
  if (!read_target(process, options, argc, argv, target)) return cli::ExitCode::done;
  only_look(target);
  doctor.roles = roles;
  doctor.wait_for_writes = target.patience_given;

  const ServerFacts facts = examine(target.queue, target.redis, doctor);
  const std::vector<Finding> findings = diagnose(facts, doctor);
  cli::write_out(json ? findings_json(target.queue, findings) + "\n" : findings_text(findings));
  switch (worst(findings)) {
    case FindingLevel::ok:
      break;
    case FindingLevel::warning:
      return strict ? cli::ExitCode::failure : cli::ExitCode::done;
    case FindingLevel::error:
      return cli::ExitCode::usage;
  }
  return cli::ExitCode::done;
}

}  // namespace wq::ctl
