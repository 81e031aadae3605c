#include "guard/fence_hook.h"

#include <utility>

#include "base/check.h"

namespace leeward::guard {
namespace {

constexpr std::size_t kMaxReason = 512;  // bytes of a reason that a program is given
// Nothing of the guard's own environment is passed on: credentials stand there.
constexpr char kPath[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

HookState StateOf(const ProgramEnd& end) {
  if (end.ending == Ending::kTimedOut) return HookState::kTimedOut;
  return end.ending == Ending::kExited && end.code == 0 ? HookState::kDone : HookState::kFailed;
}

std::string Describe(const ProgramEnd& end, base::Duration within) {
  switch (end.ending) {
    case Ending::kExited:
      return "exit code " + std::to_string(end.code);
    case Ending::kSignalled:
      return "ended by signal " + std::to_string(end.code);
    case Ending::kTimedOut:
      return "did not end within " + base::FormatDuration(within) + " and was ended" +
             (end.trouble.empty() ? "" : ": " + end.trouble);
    case Ending::kStopped:
      return "ended with the guard";
    case Ending::kNotStarted:
      return end.trouble;
  }
  CHECK_NEVER("Ending outside its enum");
}

}  // namespace

std::string_view Name(HookState state) {
  switch (state) {
    case HookState::kIdle:
      return "idle";
    case HookState::kRunning:
      return "running";
    case HookState::kDone:
      return "done";
    case HookState::kFailed:
      return "failed";
    case HookState::kTimedOut:
      return "timed-out";
  }
  CHECK_NEVER("HookState outside its enum");
}

FenceHook::FenceHook(model::Hook hook, Of of, Program& program, const ports::Clock& clock,
                     Tell tell)
    : hook_(std::move(hook)),
      of_(std::move(of)),
      program_(program),
      clock_(clock),
      tell_(std::move(tell)),
      thread_([this] { Loop(); }) {
  CHECK(!hook_.run.empty());
}

FenceHook::~FenceHook() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void FenceHook::Run(Fencing fencing) {
  {
    const std::lock_guard lock(mutex_);
    waiting_ = std::move(fencing);
  }
  changed_.notify_all();
}

HookStatus FenceHook::Status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

void FenceHook::Loop() {
  const auto stopped = [this] {
    const std::lock_guard lock(mutex_);
    return stopping_;
  };
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || waiting_; });
    if (stopping_) return;
    const Fencing fencing = *std::exchange(waiting_, std::nullopt);
    status_.state = HookState::kRunning;
    ++status_.runs;
    lock.unlock();
    Begin(fencing);
    const base::MonotonicTime began = clock_.Monotonic();
    const ProgramEnd end = program_.Run(CallFor(fencing), stopped);
    End(end, clock_.Monotonic() - began);
    lock.lock();
  }
}

ProgramCall FenceHook::CallFor(const Fencing& fencing) const {
  return {hook_.run,
          {{"PATH", kPath},
           {"LEEWARD_APPLICATION", of_.application.str()},
           {"LEEWARD_REGION", of_.region.str()},
           {"LEEWARD_EPOCH", fencing.epoch ? std::to_string(*fencing.epoch) : ""},
           {"LEEWARD_REASON", fencing.reason.substr(0, kMaxReason)}},
          hook_.within};
}

void FenceHook::Begin(const Fencing& fencing) {
  tell_("hook " + hook_.run.front() + " begins: " + fencing.reason);
}

void FenceHook::End(const ProgramEnd& end, base::Duration took) {
  const HookState state = StateOf(end);
  const std::string how = Describe(end, hook_.within);
  {
    const std::lock_guard lock(mutex_);
    status_.state = state;
    status_.detail = how;
    if (state != HookState::kDone) ++status_.failures;
  }
  std::string line = "hook " + hook_.run.front() + " ";
  line += state == HookState::kDone ? "is done" : "failed: " + how;
  line += ", after " + base::HumanDuration(took);
  if (!end.output.empty()) line += "; it said: " + end.output;
  tell_(line);
}

}  // namespace leeward::guard
