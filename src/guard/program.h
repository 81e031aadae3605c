// Program: runs another program to its end, within a limit. The process port of a guard's hook.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/time.h"
#include "guard/door.h"

namespace leeward::guard {

struct ProgramCall {
  std::vector<std::string> argv;                                 // argv[0]: absolute path
  std::vector<std::pair<std::string, std::string>> environment;  // all of it
  base::Duration within{};                                       // then it is ended
  std::string input = {};                                        // what it can read; empty: nothing
};

enum class Ending { kExited, kSignalled, kTimedOut, kStopped, kNotStarted };

struct ProgramEnd {
  Ending ending = Ending::kNotStarted;
  int code = 0;         // kExited: the exit code; kSignalled: the signal
  std::string output;   // the end of what it said, bounded
  std::string trouble;  // kNotStarted: why; else what could not be done about it, mostly empty
};

class Program {
 public:
  virtual ~Program() = default;
  // Blocks until it has ended, or was ended because its time is up or `stopped`. Returns soon
  // after.
  virtual ProgramEnd Run(const ProgramCall& call, const Cancelled& stopped) = 0;
};

}  // namespace leeward::guard
