#include "wqctl/command.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include <wq/queue.h>
#include <wq/version.h>

#include "cli/describe.h"
#include "cli/log.h"
#include "cli/nearest.h"
#include "cli/output.h"
#include "cli/redis_flags.h"
#include "cli/units.h"

namespace wq::ctl {

namespace {

constexpr std::chrono::milliseconds kPatienceOfLooks{10'000};

std::string list_of_commands() {
  std::string text =
      "Usage: wqctl COMMAND QUEUE [OPTIONS]\n\nShows and changes a queue. Without a command and a "
      "queue: lists the queues.\n\nCommands:\n";
  for (const Command& command : commands()) {
    text += fmt::format("  {:<15}{}\n", command.name, command.summary);
  }
  return text + "\nwqctl COMMAND --help describes a command.\n";
}

/// As `cli::Options` does it for a program without commands: each command adds its own part.
void describe(cli::Process& process, std::string_view what) {
  const cli::ProgramText text{.name = "wqctl",
                              .env_prefix = "WQCTL_",
                              .arguments = {{cli::Value::text("COMMAND")}, {cli::Value::queue()}},
                              .summary = "Shows and changes a queue.\n"};
  std::vector<cli::CommandText> list;
  for (const Command& command : commands()) list.push_back({command.name, command.summary});
  cli::write_out(cli::begin_description(what, text, list));
  const std::string kind{what};
  for (const Command& command : commands()) {
    const std::array words{command.name, "--describe", kind.c_str()};
    static_cast<void>(command.run(process, 3, words.data()));
  }
  if (what == "man") {
    const std::array words{commands().front().name, "--describe", "man-common"};
    static_cast<void>(commands().front().run(process, 3, words.data()));
  }
  cli::write_out(cli::end_description(what, text));
}

/// `wqctl` and `wqctl --redis URL`. A wrong option here may be one of a command.
cli::ExitCode list_queues_with(cli::Process& process, int argc, const char* const* argv) {
  std::vector<const char*> words{"queues"};
  for (int i = 1; i < argc; ++i) words.push_back(argv[i]);
  try {
    return commands().front().run(process, static_cast<int>(words.size()), words.data());
  } catch (const cli::UsageError& error) {
    throw cli::UsageError(
        fmt::format("{}; without a command wqctl lists the queues: wqctl COMMAND QUEUE, --help "
                    "lists the commands",
                    error.what()));
  }
}

}  // namespace

cli::ExitCode run_command(cli::Process& process, int argc, const char* const* argv) {
  const std::string_view word = argc > 1 ? argv[1] : "";
  if (word == "--help" || word == "-h") {
    cli::write_out(list_of_commands());
    return cli::ExitCode::done;
  }
  if (word == "--version") {
    cli::write_out(fmt::format("wqctl {}\n", kVersion));
    return cli::ExitCode::done;
  }
  if (word == "--describe" && argc == 3) {
    describe(process, argv[2]);
    return cli::ExitCode::done;
  }
  if (word.empty() || word.starts_with('-')) return list_queues_with(process, argc, argv);
  std::vector<std::string> names;
  for (const Command& command : commands()) {
    if (word == command.name) return command.run(process, argc - 1, argv + 1);
    names.emplace_back(command.name);
  }
  const std::string hint = cli::did_you_mean(word, names);
  throw cli::UsageError(
      fmt::format("unknown command '{}'{}", word, hint.empty() ? "; --help lists them" : hint));
}

void only_look(Target& target) {
  if (target.patience_given) return;
  target.redis.patience = kPatienceOfLooks;
  target.waiting->watch(target.redis);
}

std::vector<std::string> queues_of(const Target& target) {
  std::vector<std::string> queues{target.queue};
  for (const std::string& queue : target.more) {
    if (std::find(queues.begin(), queues.end(), queue) != queues.end()) {
      throw cli::UsageError(fmt::format("queue '{}' is named twice", cli::one_line(queue)));
    }
    queues.push_back(queue);
  }
  return queues;
}

bool read_target(cli::Process& process, cli::Options& options, int argc, const char* const* argv,
                 Target& target) {
  cli::LogOptions log;
  target.redis.client_name = "wqctl";
  cli::add_redis_options(
      options, target.redis,
      fmt::format("{}, and {} for commands that only read once",
                  cli::duration_text(target.redis.patience), cli::duration_text(kPatienceOfLooks)));
  cli::add_log_options(options, log);
  if (!options.parse(argc, argv)) return false;
  process.begin_log(log, cli::LogStyle::tool);
  for (const std::string& warning : options.warnings()) cli::log(LogLevel::warning, warning);

  const auto& given = options.arguments();
  const auto& declared = options.text().arguments;
  const std::string form = options.text().form();
  if (given.empty() && !declared.front().optional) {
    throw cli::UsageError(fmt::format("the queue is missing: {}; see --help", form));
  }
  if (!declared.back().many && given.size() > declared.size()) {
    throw cli::UsageError(fmt::format("unexpected argument '{}'; the form is: {}",
                                      cli::one_line(given[declared.size()]), form));
  }
  if (given.size() < declared.size() && !declared[given.size()].optional) {
    throw cli::UsageError(fmt::format("an argument is missing after '{}'; the form is: {}",
                                      cli::one_line(given.back()), form));
  }
  if (!given.empty()) {
    target.queue = given.front();
    target.more.assign(given.begin() + 1, given.end());
  }
  cli::check_redis_options(target.redis);
  target.redis.log = cli::log;
  target.patience_given = options.given("redis-patience");
  target.waiting->watch(target.redis);
  // Looks at the name and the URL and does not connect.
  const bool is_name = declared.front().value.kind == cli::Value::Kind::queue && !given.empty();
  (void)Queue{is_name ? target.queue : "any", target.redis};
  return true;
}

cli::ProgramText command_text(const std::string& name, const std::string& summary,
                              const std::string& examples, std::vector<cli::Argument> arguments,
                              std::initializer_list<cli::ExitCode> codes) {
  std::vector<cli::ExitCode> all{cli::ExitCode::done, cli::ExitCode::failure, cli::ExitCode::usage,
                                 cli::ExitCode::no_redis};
  all.insert(all.end(), codes);
  return {.name = "wqctl",
          .command = name,
          .env_prefix = "WQCTL_",
          .arguments = std::move(arguments),
          .summary = summary,
          .ending = cli::exit_code_help(all) + "\n" + examples};
}

void add_json_switch(cli::Options& options, Target& target, const std::string& instead) {
  options.add_switch("json", target.json, "one JSON object a line instead of " + instead);
}

}  // namespace wq::ctl
