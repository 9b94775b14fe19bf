// The command of an item whose start is measured: writes down when it came to life.

#include <cstdio>
#include <ctime>

int main(int argc, char** argv) {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  std::FILE* file = argc > 1 ? std::fopen(argv[1], "w") : nullptr;
  if (file == nullptr) return 2;
  std::fprintf(file, "%ld.%09ld\n", static_cast<long>(now.tv_sec), now.tv_nsec);
  return std::fclose(file) == 0 ? 0 : 1;
}
