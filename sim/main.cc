// leeward-sim: runs seeds and tells what came of them.
#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "sim/run.h"

namespace leeward::sim {
namespace {

struct Arguments {
  std::uint64_t first = 1, last = 1;
  int jobs = 1;
  std::string fault, bug;
  bool beyond = false;
};

struct Tally {
  std::mutex mutex;
  std::map<std::string, std::uint64_t> ends;
  std::uint64_t runs = 0, violated = 0;
};

std::string Again(const Arguments& arguments, std::uint64_t seed) {
  std::string line = "build/leeward-sim --seed " + std::to_string(seed);
  if (!arguments.fault.empty()) line += " --fault " + arguments.fault;
  if (!arguments.bug.empty()) line += " --bug " + arguments.bug;
  if (arguments.beyond) line += " --beyond-bounds";
  return line;
}

ScenarioOptions OptionsOf(const Arguments& arguments, std::uint64_t seed) {
  ScenarioOptions options;
  options.seed = seed;
  if (!arguments.fault.empty()) options.only = FaultFromName(arguments.fault);
  if (!arguments.bug.empty()) options.bug = *BugFromName(arguments.bug);
  options.beyond_bounds = arguments.beyond;
  return options;
}

void RunSome(const Arguments& arguments, std::atomic<std::uint64_t>* next, Tally* tally) {
  constexpr std::uint64_t kMostPrinted = 20;
  for (std::uint64_t seed = (*next)++; seed <= arguments.last; seed = (*next)++) {
    const Outcome outcome = Run(OptionsOf(arguments, seed));
    std::lock_guard lock(tally->mutex);
    ++tally->runs;
    ++tally->ends[outcome.end];
    if (outcome.violations.empty() || ++tally->violated > kMostPrinted) continue;
    std::printf("%s   # %s: %s\n", Again(arguments, seed).c_str(),
                outcome.violations.front().checker.c_str(),
                outcome.violations.front().what.c_str());
  }
}

int RunMany(const Arguments& arguments) {
  Tally tally;
  std::atomic<std::uint64_t> next = arguments.first;
  const auto begin = std::chrono::steady_clock::now();
  {
    // This thread is one of them: a program that has no other counts references without locking.
    std::vector<std::jthread> others;
    for (int i = 1; i < arguments.jobs; ++i) {
      others.emplace_back([&] { RunSome(arguments, &next, &tally); });
    }
    RunSome(arguments, &next, &tally);
  }
  const double took =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  std::string ends;
  for (const auto& [end, count] : tally.ends) ends += ", " + std::to_string(count) + " " + end;
  std::printf("%llu seeds%s; %llu with violations; %.0f seeds/s\n",
              static_cast<unsigned long long>(tally.runs), ends.c_str(),
              static_cast<unsigned long long>(tally.violated),
              static_cast<double>(tally.runs) / took);
  return tally.violated == 0 ? 0 : 1;
}

int RunOne(const Arguments& arguments) {
  const Outcome outcome = Run(OptionsOf(arguments, arguments.first));
  std::fputs(ToText(outcome.history).c_str(), stdout);
  for (const Violation& violation : outcome.violations) {
    std::printf("VIOLATION %s: %s\n", violation.checker.c_str(), violation.what.c_str());
  }
  return outcome.violations.empty() ? 0 : 1;
}

}  // namespace
}  // namespace leeward::sim

int main(int argc, char** argv) {
  leeward::sim::Arguments arguments;
  std::string seeds;
  CLI::App app("The real loop on simulated Regions: one seed is one history.");
  auto* seed = app.add_option("--seed", arguments.first, "run one seed and print its history");
  app.add_option("--seeds", seeds, "run seeds A..B and print a summary")->excludes(seed);
  app.add_option("--jobs", arguments.jobs, "threads")->check(CLI::Range(1, 256));
  app.add_option("--fault", arguments.fault,
                 "this kind of fault, and a loss of home for good, are all that comes")
      ->check([](const std::string& name) {
        return leeward::sim::FaultFromName(name) ? std::string() : "no such fault";
      });
  app.add_option("--bug", arguments.bug, "plant a mistake that a checker must find")
      ->check([](const std::string& name) {
        return leeward::sim::BugFromName(name) ? std::string() : "no such bug";
      });
  app.add_flag("--beyond-bounds", arguments.beyond,
               "clocks and doors are worse than the lease's terms allow for");
  CLI11_PARSE(app, argc, argv);
  if (seeds.empty()) return leeward::sim::RunOne(arguments);
  unsigned long long first = 0, last = 0;
  if (std::sscanf(seeds.c_str(), "%llu..%llu", &first, &last) != 2 || first > last) {
    std::fprintf(stderr, "--seeds %s: write A..B with A <= B\n", seeds.c_str());
    return 2;
  }
  arguments.first = first;
  arguments.last = last;
  return leeward::sim::RunMany(arguments);
}
