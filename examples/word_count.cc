// The worker of README.md: an item is a text file's path, its result the number of words in it.
#include <fstream>
#include <iterator>
#include <string>

#include <wq/worker_main.h>

int main(int argc, char** argv) {
  return wq::worker_main(argc, argv, [](const wq::Job& job) {
    std::ifstream file{std::string(job.item)};
    if (!file) return wq::Outcome::fail("cannot be opened");
    using Words = std::istream_iterator<std::string>;
    long words = 0;
    for (Words word(file); word != Words(); ++word) {
      if (job.stop.stop_requested()) return wq::Outcome::release();
      ++words;
    }
    return wq::Outcome::complete(std::to_string(words));
  });
}
