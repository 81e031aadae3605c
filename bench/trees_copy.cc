// One copy of a tree, and further rounds on demand: what bench/trees.py measures.
//
// Prints one line of JSON a round. With --rounds it waits for a line on its standard input before
// each further round, so that the bench can change the source in between.
#include <fmt/format.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <string>

#include "lab/trees/replica.h"
#include "os/clock.h"

namespace leeward::bench {
namespace {

namespace trees = lab::trees;

constexpr long kKilobytesAMegabyte = 1024;

double CpuSeconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

long LargestMegabytes() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return used.ru_maxrss / kKilobytesAMegabyte;
}

base::Status OneRound(trees::Replica& replica) {
  const os::SystemClock clock;
  const base::MonotonicTime begun = clock.Monotonic();
  const double cpu = CpuSeconds();
  base::Duration longest{0};
  replica.Begin();
  for (trees::Turn turn = trees::Turn::kMore; turn != trees::Turn::kDone;) {
    const base::MonotonicTime before = clock.Monotonic();
    turn = replica.Step();
    longest = std::max(longest, clock.Monotonic() - before);
  }
  const double seconds = base::Seconds(clock.Monotonic() - begun);
  const trees::Round& round = replica.round();
  fmt::print(
      R"({{"seconds":{:.4f},"cpu_s":{:.4f},"longest_step_ms":{:.2f},"peak_mb":{},"walk":"{}",)"
      R"("complete":{},"looked_at":{},"files":{},"bytes":{},"directories":{},"removed":{},)"
      R"("metadata":{},"troubles":{}}})"
      "\n",
      seconds, CpuSeconds() - cpu, base::Seconds(longest) * 1e3, LargestMegabytes(),
      trees::Name(round.walk), round.complete, round.looked_at, round.files, round.bytes,
      round.directories, round.removed, round.metadata, round.troubles_seen);
  std::fflush(stdout);
  if (!round.complete)
    return base::WrongState(round.troubles.empty() ? "not complete" : round.troubles[0].text);
  return base::Ok();
}

int Main(int argc, char** argv) {
  trees::Places places;
  int rounds = 1;
  CLI::App app{"Keeps one tree a copy of another and prints one line of JSON a round.",
               "trees_copy"};
  app.add_option("source", places.source)->required();
  app.add_option("destination", places.destination)->required();
  app.add_option("work", places.work, "beside the destination")->required();
  app.add_option("--rounds", rounds, "a line on standard input before each but the first");
  CLI11_PARSE(app, argc, argv);
  const os::SystemClock clock;
  auto replica = trees::Replica::Open(places, {}, clock);
  if (!replica.ok()) {
    fmt::print(stderr, "trees_copy: {}\n", replica.error().message());
    return 1;
  }
  for (int i = 0; i < rounds; ++i) {
    std::string line;
    if (i > 0 && !std::getline(std::cin, line)) return 1;
    if (const base::Status done = OneRound(**replica); !done.ok()) {
      fmt::print(stderr, "trees_copy: {}\n", done.error().message());
      return 1;
    }
  }
  return 0;
}

}  // namespace
}  // namespace leeward::bench

int main(int argc, char** argv) { return leeward::bench::Main(argc, argv); }
