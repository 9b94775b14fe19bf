#include <string>

#include <wq/worker_main.h>

int main(int argc, char** argv) {
  return wq::worker_main(argc, argv, [](const wq::Job& job) {
    return wq::Outcome::complete(std::to_string(job.item.size()));
  });
}
