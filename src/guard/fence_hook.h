// FenceHook: runs the spec's own program at each fence, beside the guard's closing of the doors and
// never before or instead of it. Each fence is followed by a run that begins after it; fences that
// come while one runs share the next. docs/failover-protocol.md, "The spec's own hook".
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "guard/program.h"
#include "model/application.h"
#include "ports/clock.h"

namespace leeward::guard {

// Why a door is being closed.
struct Fencing {
  std::optional<std::uint64_t>
      epoch;  // of the lease that was held; absent: the guard has just begun
  std::string reason;
};

enum class HookState { kIdle, kRunning, kDone, kFailed, kTimedOut };
std::string_view Name(HookState state);

struct HookStatus {
  HookState state = HookState::kIdle;
  std::uint64_t runs = 0;      // that were begun
  std::uint64_t failures = 0;  // that ended otherwise than with exit code 0
  std::string detail;          // how the last one ended: "exit code 3"; never what it said
};

class FenceHook {
 public:
  struct Of {
    model::ApplicationName application;
    model::Region region;
  };
  // One line for a log, from the hook's own thread.
  using Tell = std::function<void(const std::string& line)>;

  // The program and the clock outlive it.
  FenceHook(model::Hook hook, Of of, Program& program, const ports::Clock& clock, Tell tell);
  // Ends what runs.
  ~FenceHook();
  FenceHook(const FenceHook&) = delete;
  FenceHook& operator=(const FenceHook&) = delete;

  // Never waits. From any thread.
  void Run(Fencing fencing);
  HookStatus Status() const;

 private:
  void Loop();
  ProgramCall CallFor(const Fencing& fencing) const;
  void Begin(const Fencing& fencing);
  void End(const ProgramEnd& end, base::Duration took);

  const model::Hook hook_;
  const Of of_;
  Program& program_;
  const ports::Clock& clock_;
  const Tell tell_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Fencing> waiting_;
  HookStatus status_;
  bool stopping_ = false;
  std::thread thread_;  // the last member: it uses the others
};

}  // namespace leeward::guard
