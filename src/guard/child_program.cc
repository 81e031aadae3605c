#include "guard/child_program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "os/process.h"

namespace leeward::guard {
namespace {

constexpr std::size_t kMaxOutput = 4096;  // bytes kept of what a program says: the last ones
constexpr base::Duration kNap = std::chrono::milliseconds(50);  // between looks at whether to stop
constexpr base::Duration kEnding = std::chrono::seconds(2);     // for SIGKILL to take effect
constexpr int kMaxReads = 64;  // at one time: who says more than is read is not waited for

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() { Close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }
  void Close() {
    if (number_ >= 0) ::close(number_);
    number_ = -1;
  }

 private:
  int number_;
};

// What a program says: read all along, so that it never waits for its reader, and kept in part.
class Output {
 public:
  Output(int read_end, int write_end) : read_(read_end), write_(write_end) {}
  // What the child opens as its output.
  std::string Path() const { return "/proc/self/fd/" + std::to_string(write_.number()); }
  void Started() { write_.Close(); }
  int descriptor() const { return read_.number(); }
  void Read() {
    char bytes[kMaxOutput];
    for (int i = 0; i < kMaxReads && read_.number() >= 0; ++i) {
      const ssize_t got = ::read(read_.number(), bytes, sizeof bytes);
      if (got < 0) return;  // nothing there now
      if (got == 0) return read_.Close();
      kept_.append(bytes, static_cast<std::size_t>(got));
      if (kept_.size() > kMaxOutput) kept_.erase(0, kept_.size() - kMaxOutput);
    }
  }
  std::string Take() { return std::move(kept_); }

 private:
  Descriptor read_, write_;
  std::string kept_;
};

// Everything below it, wherever it went, as long as its parents live.
std::string EndAll(pid_t child) {
  std::vector<pid_t> all = os::Descendants(child);
  all.push_back(child);
  ::kill(-child, SIGKILL);
  const base::Status ended = os::KillTrees(all, kEnding);
  return ended.ok() ? "" : ended.error().message();
}

// Asked beside the descriptor that says it, because there may be none left. Leaves it to be reaped.
bool HasEnded(pid_t child) {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid == child;
}

// The child has ended and is not reaped yet, so that its group's number is nobody else's.
ProgramEnd Reap(pid_t child) {
  ::kill(-child, SIGKILL);
  ProgramEnd end;
  const std::optional<os::ProcessExit> exit = os::PollExit(child);
  end.ending = exit && exit->signal == 0 ? Ending::kExited : Ending::kSignalled;
  if (exit) end.code = exit->signal == 0 ? exit->code : exit->signal;
  return end;
}

class Watching {
 public:
  Watching(const ports::Clock& clock, base::Duration within)
      : clock_(clock), end_(clock.Monotonic() + within) {}

  ProgramEnd Watch(pid_t child, Output* output, const Cancelled& stopped) const {
    const Descriptor exit(os::OpenPidDescriptor(child));
    for (;;) {
      const base::Duration left = end_ - clock_.Monotonic();
      pollfd waits[] = {{exit.number(), POLLIN, 0}, {output->descriptor(), POLLIN, 0}};
      const auto nap = std::clamp(base::Millis(left), std::int64_t{0}, base::Millis(kNap));
      ::poll(waits, 2, static_cast<int>(nap));
      output->Read();
      if (HasEnded(child)) return Reap(child);
      const bool stop = stopped && stopped();
      if (!stop && left > base::Duration(0)) continue;
      ProgramEnd end;
      end.ending = stop ? Ending::kStopped : Ending::kTimedOut;
      end.trouble = EndAll(child);
      return end;
    }
  }

 private:
  const ports::Clock& clock_;
  const base::MonotonicTime end_;
};

// What the child opens as its input: a file without a name.
class Input {
 public:
  explicit Input(const std::string& text)
      : file_(text.empty() ? -1 : ::memfd_create("leeward-input", MFD_CLOEXEC)) {
    std::size_t written = 0;
    while (file_.number() >= 0 && written < text.size()) {
      const ssize_t put = ::write(file_.number(), text.data() + written, text.size() - written);
      if (put <= 0) return;
      written += static_cast<std::size_t>(put);
    }
    whole_ = written == text.size();
  }
  bool whole() const { return whole_; }
  std::string Path() const {
    return file_.number() < 0 ? "/dev/null" : "/proc/self/fd/" + std::to_string(file_.number());
  }

 private:
  const Descriptor file_;
  bool whole_ = false;
};

ProgramEnd NotStarted(std::string why) {
  ProgramEnd end;
  end.trouble = std::move(why);
  return end;
}

}  // namespace

ProgramEnd ChildProgram::Run(const ProgramCall& call, const Cancelled& stopped) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return NotStarted(std::string("no pipe for its output: ") + ::strerror(errno));
  Output output(ends[0], ends[1]);
  const Input input(call.input);
  if (!input.whole()) return NotStarted(std::string("no room for its input: ") + ::strerror(errno));
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  const Watching watching(clock_, call.within);
  os::ProcessSpec spec;
  spec.argv = call.argv;
  spec.environment = call.environment;
  spec.output = output.Path();
  spec.input = input.Path();
  const base::Result<pid_t> child = os::StartProcess(spec);
  if (!child.ok()) return NotStarted(child.error().message());
  output.Started();
  ProgramEnd end = watching.Watch(*child, &output, stopped);
  output.Read();
  end.output = output.Take();
  return end;
}

}  // namespace leeward::guard
