// A program with options of its own around a handler.
#include <string>

#include <wq/worker_main.h>

int main(int argc, char** argv) {
  std::string suffix;
  return wq::worker_main(
      argc, argv,
      wq::WorkerProgram{.summary = "Says how long each item is.\n",
                        .options = {{.name = "suffix",
                                     .argument = "TEXT",
                                     .set = [&suffix](const std::string& text) { suffix = text; }}},
                        .make = [&suffix](const wq::WorkerContext&) -> wq::Handler {
                          return [suffix](const wq::Job& job) {
                            if (job.item == "throws") throw wq::CannotRun("as the test asked");
                            return wq::Outcome::complete(std::to_string(job.item.size()) + suffix);
                          };
                        }});
}
