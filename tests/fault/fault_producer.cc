// fault_producer QUEUE HOLD_MS [once]: pushes the lines of its input as they come.
#include <chrono>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>

#include <wq/producer.h>

namespace {

void push(const std::string& queue, std::chrono::milliseconds hold, bool once) {
  wq::RedisOptions redis;
  if (const char* url = std::getenv("WQ_REDIS")) redis.url = url;
  redis.command_timeout = std::chrono::seconds{2};
  redis.patience = std::chrono::seconds{60};
  wq::ProducerOptions options;
  options.hold = hold;
  options.once = once;
  wq::Producer producer(queue, redis, options);
  for (std::string line; std::getline(std::cin, line);) {
    // An empty line ends what came together.
    if (line.empty()) {
      producer.flush();
    } else {
      producer.push(line);
    }
  }
  const wq::PushReport report = producer.finish();
  if (report.unknown > 0) throw std::runtime_error("Redis forgot what it was told");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc < 3) throw std::invalid_argument("usage: fault_producer QUEUE HOLD_MS [once]");
    push(argv[1], std::chrono::milliseconds{std::stoi(argv[2])}, argc > 3);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
