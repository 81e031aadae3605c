// One copy of a tree, and further rounds on demand: what bench/trees.py measures.
//
// Prints one line of JSON a round. With --rounds it waits for a line on its standard input before
// each further round, so that the bench can change the source in between.
#include <fmt/format.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <string>

#include "lab/trees/replica.h"
#include "lab/trees/withheld.h"
#include "os/clock.h"

namespace leeward::bench {
namespace {

namespace trees = lab::trees;

constexpr long kKilobytesAMegabyte = 1024;

// What the lab's EFS asks of a copy (lab/services/efs_held_copy.cc), but for its network's permits:
// a channel is asked for all that crosses, and gives it at once.
constexpr std::uint64_t kHeldBytesAStep = 1 << 20;
constexpr int kHeldReads = 5;

class OpenWay : public trees::Channel {
 public:
  base::Result<std::uint64_t> Take(std::uint64_t wanted) override { return wanted; }
};

struct Held {
  OpenWay channel;
  std::unique_ptr<trees::Withheld> withheld;
};

base::Status Hold(const trees::Places& places, trees::Options& options, trees::Beside& beside,
                  Held& held) {
  ASSIGN_OR_RETURN(held.withheld, trees::Withheld::Open(places.work + ".held"));
  RETURN_IF_ERROR(held.withheld->Hold(places.destination));
  options.busy = trees::Busy::kTakeAsRead;
  options.reads_of_a_busy_file = kHeldReads;
  options.bytes_a_step = kHeldBytesAStep;
  beside = {&held.channel, held.withheld.get(), nullptr};
  return base::Ok();
}

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
  bool holds = false;
  CLI::App app{"Keeps one tree a copy of another and prints one line of JSON a round.",
               "trees_copy"};
  app.add_option("source", places.source)->required();
  app.add_option("destination", places.destination)->required();
  app.add_option("work", places.work, "beside the destination")->required();
  app.add_option("--rounds", rounds, "a line on standard input before each but the first");
  app.add_flag("--held", holds, "read-only for others and through a channel, as the lab's EFS");
  CLI11_PARSE(app, argc, argv);
  const os::SystemClock clock;
  trees::Options options;
  trees::Beside beside;
  Held held;
  if (const base::Status ready = holds ? Hold(places, options, beside, held) : base::Ok();
      !ready.ok()) {
    fmt::print(stderr, "trees_copy: {}\n", ready.error().message());
    return 1;
  }
  auto replica = trees::Replica::Open(places, options, clock, beside);
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
