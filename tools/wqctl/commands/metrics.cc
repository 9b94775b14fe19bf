#include <prometheus/text_serializer.h>

#include "cli/output.h"
#include "metrics/queue_collector.h"
#include "wqctl/command.h"

namespace wq::ctl {

namespace {

constexpr const char* kMetricsSummary =
    "Prints the metrics of the queue in the text format of Prometheus: items by state,\n"
    "totals, workers, producers, the age of the oldest lease, memory. Costs Redis a\n"
    "few commands, whatever the number of items.\n";

}  // namespace

cli::ExitCode run_metrics(cli::Process& process, int argc, const char* const* argv) {
  cli::Options options{command_text(
      "metrics", kMetricsSummary,
      "Examples:\n"
      "  wqctl metrics shards | promtool check metrics\n"
      "  wqctl metrics shards > /var/lib/node_exporter/wq.prom\n",
      {{cli::Value::queue()}, {.value = cli::Value::queue(), .optional = true, .many = true}})};
  Target target;
  if (!read_target(process, options, argc, argv, target)) return cli::ExitCode::done;
  only_look(target);
  const metrics::QueueCollector collector{queues_of(target), target.redis};
  cli::write_out(prometheus::TextSerializer{}.Serialize(collector.read()));
  return cli::ExitCode::done;
}

}  // namespace wq::ctl
