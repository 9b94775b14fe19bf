#include <vector>

#include <wq/doctor.h>

#include "cli/output.h"
#include "wqctl/command.h"
#include "wqctl/view/listing.h"

namespace wq::ctl {

namespace {

constexpr const char* kDoctorSummary =
    "Checks that the server is suitable for the queue: version, role, eviction, memory,\n"
    "persistence, replicas, connections, latency, clock, keys of other programs, items\n"
    "that reach workers too late, and the rights of the user: those of workers,\n"
    "producers, viewers (status, ls, results, metrics) or admins (retry, drop, pause,\n"
    "purge, verify); at least one of these roles, or those of --role. Workers and\n"
    "viewers also need the keys of the stages before the queue. The queue need not\n"
    "exist. doctor changes nothing: if the user may write, it writes a key of the\n"
    "queue and removes it in the same step, to find any cause of refused writes. It\n"
    "tries rights in a transaction that is never executed; each missing right leaves\n"
    "an entry in ACL LOG. It answers within 10 s; with --redis-patience it waits that\n"
    "long for a Redis that is unreachable or refuses writes, as workers do.\n";

constexpr const char* kEnding =
    "Exit codes:\n"
    "  0    no findings, or only warnings\n"
    "  1    warnings, with --strict; or an internal error\n"
    "  2    do not start: standard output has the reason. A usage error or a refused\n"
    "       login has this code too, with empty standard output\n"
    "  4    Redis was unreachable for longer than --redis-patience, or, if that was\n"
    "       given, refused writes\n"
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
  Target target;
  DoctorOptions doctor;
  std::vector<Role> roles;
  bool strict = false;
  options.add_number("workers", doctor.workers,
                     "number of planned workers, to check the connection limit");
  options.add_choices(
      "role", roles, roles_by_name(),
      "role whose rights the user must have; repeatable [default: at least one of them]");
  options.add_list("after", cli::Value::queue(), doctor.after,
                   "--after of planned workers, to check the rights on it; repeatable. Stages that "
                   "are recorded in Redis are always checked");
  options.add_list("follow-ups-to", cli::Value::queue(), doctor.follow_ups_to,
                   "--follow-ups-to of planned workers, to check the rights on it; repeatable");
  options.add_number("durable", doctor.durable,
                     "--durable of planned programs, to check the replicas and the rights to wait "
                     "for them");
  options.add_switch("strict", strict, "exit with 1 if there are warnings");
  options.add_switch("json", target.json, "one JSON object instead of lines for people");
  if (!read_target(process, options, argc, argv, target)) return cli::ExitCode::done;
  only_look(target);
  doctor.roles = roles;
  doctor.wait_for_writes = target.patience_given;

  const ServerFacts facts = examine(target.queue, target.redis, doctor);
  const std::vector<Finding> findings = diagnose(facts, doctor);
  cli::write_out(target.json ? findings_json(target.queue, findings) + "\n"
                             : findings_text(findings));
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
