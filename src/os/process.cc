#include "os/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <linux/close_range.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "os/clock.h"

namespace leeward::os {
namespace {

constexpr int kMaxDescriptors = 8;
constexpr base::Duration kReapPause = std::chrono::milliseconds(1);

// Everything the child needs, laid out before fork: after it only async-signal-safe calls are
// allowed.
struct Prepared {
  std::vector<char*> argv;
  std::vector<std::string> environment_text;
  std::vector<char*> environment;
  const ProcessSpec* spec = nullptr;
  pid_t parent = 0;
  int report = -1;
};

Prepared Prepare(const ProcessSpec& spec) {
  Prepared prepared;
  prepared.spec = &spec;
  prepared.parent = getpid();
  for (const std::string& argument : spec.argv)
    prepared.argv.push_back(const_cast<char*>(argument.c_str()));
  prepared.argv.push_back(nullptr);
  for (const auto& [name, value] : spec.environment)
    prepared.environment_text.push_back(fmt::format("{}={}", name, value));
  for (std::string& text : prepared.environment_text) prepared.environment.push_back(text.data());
  prepared.environment.push_back(nullptr);
  return prepared;
}

[[noreturn]] void Fail(const Prepared& prepared) {
  const int error = errno;
  const ssize_t written = write(prepared.report, &error, sizeof error);
  _exit(written == static_cast<ssize_t>(sizeof error) ? 127 : 126);
}

// Moves the wanted descriptors to 3, 4, ...; first out of the way, so that none overwrites another.
void PlaceDescriptors(const Prepared& prepared, int output, int input) {
  int moved[kMaxDescriptors];
  int count = 0;
  for (const int descriptor : prepared.spec->descriptors) {
    moved[count] = fcntl(descriptor, F_DUPFD, 3 + kMaxDescriptors);
    if (moved[count++] < 0) Fail(prepared);
  }
  if (dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0) Fail(prepared);
  for (int i = 0; i < count; ++i) {
    if (dup2(moved[i], 3 + i) < 0) Fail(prepared);
  }
  syscall(SYS_close_range, 3 + count, ~0U, CLOSE_RANGE_CLOEXEC);
}

void DropTo(const Prepared& prepared, const User& user) {
  // Raw system calls: the library's versions signal every thread, which the child of a fork does
  // not have.
  if (syscall(SYS_setgroups, 0, nullptr) != 0) Fail(prepared);
  if (syscall(SYS_setresgid, user.gid, user.gid, user.gid) != 0) Fail(prepared);
  if (syscall(SYS_setresuid, user.uid, user.uid, user.uid) != 0) Fail(prepared);
}

[[noreturn]] void RunChild(const Prepared& prepared, int output, int input) {
  const ProcessSpec& spec = *prepared.spec;
  if (spec.session == ProcessSpec::Session::kOwn) {
    if (setsid() < 0) Fail(prepared);
  } else if (setpgid(0, 0) != 0) {
    Fail(prepared);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int signal_number = 1; signal_number < 32; ++signal_number) signal(signal_number, SIG_DFL);
  if (spec.user) DropTo(prepared, *spec.user);
  if (chdir(spec.directory.c_str()) != 0) Fail(prepared);
  // After the change of user, which clears it; then a parent that is already gone sends no signal.
  if (spec.death_signal != 0) {
    if (prctl(PR_SET_PDEATHSIG, spec.death_signal) != 0) Fail(prepared);
    if (getppid() != prepared.parent) _exit(125);
  }
  PlaceDescriptors(prepared, output, input);
  execve(prepared.argv[0], prepared.argv.data(), prepared.environment.data());
  Fail(prepared);
}

int OpenOutput(const ProcessSpec& spec) {
  if (spec.output.empty()) return open("/dev/null", O_WRONLY | O_CLOEXEC);
  const int file = open(spec.output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  return file;
}

// Moves the report pipe far above the descriptors that the child rearranges.
int MoveUp(int descriptor) {
  const int moved = fcntl(descriptor, F_DUPFD_CLOEXEC, 512);
  if (moved < 0) return descriptor;
  close(descriptor);
  return moved;
}

base::Error StartError(const ProcessSpec& spec, int error) {
  return base::ServiceBroken(fmt::format("cannot start {}: {}", spec.argv[0], strerror(error)));
}

struct Relation {
  pid_t pid;
  pid_t parent;
  char state;
};

std::vector<Relation> AllProcesses() {
  std::vector<Relation> all;
  DIR* proc = opendir("/proc");
  if (proc == nullptr) return all;
  while (const dirent* entry = readdir(proc)) {
    const pid_t pid = atoi(entry->d_name);
    if (pid <= 0) continue;
    const int file = open(fmt::format("/proc/{}/stat", pid).c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) continue;
    char text[512];
    const ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    if (length <= 0) continue;
    text[length] = '\0';
    // The name, in parentheses, may hold anything: the last one ends it.
    const char* end = strrchr(text, ')');
    char state = 0;
    int parent = 0;
    if (end == nullptr || sscanf(end + 1, " %c %d", &state, &parent) != 2) continue;
    all.push_back({pid, parent, state});
  }
  closedir(proc);
  return all;
}

bool Alive(pid_t pid) {
  const int descriptor = OpenPidDescriptor(pid);
  if (descriptor < 0) return false;
  pollfd wait{descriptor, POLLIN, 0};
  const bool ended = poll(&wait, 1, 0) == 1;
  close(descriptor);
  return !ended;
}

}  // namespace

std::optional<User> UnprivilegedUser() {
  if (geteuid() != 0) return std::nullopt;
  for (const char* name : {"postgres", "nobody"}) {
    if (const passwd* entry = getpwnam(name)) return User{name, entry->pw_uid, entry->pw_gid};
  }
  return std::nullopt;
}

std::string OwnProgram() {
  constexpr const char* kLink = "/proc/self/exe";
  char path[4096];
  const ssize_t length = readlink(kLink, path, sizeof path - 1);
  if (length <= 0) return kLink;
  path[length] = '\0';
  return access(path, X_OK) == 0 ? path : kLink;
}

base::Result<pid_t> StartProcess(const ProcessSpec& spec) {
  CHECK(!spec.argv.empty() && spec.argv[0].starts_with('/'));
  CHECK(spec.descriptors.size() <= kMaxDescriptors);
  int report[2];
  if (pipe2(report, O_CLOEXEC) != 0) return StartError(spec, errno);
  report[1] = MoveUp(report[1]);
  const int output = OpenOutput(spec);
  const int input = open(spec.input.c_str(), O_RDONLY | O_CLOEXEC);
  Prepared prepared = Prepare(spec);
  prepared.report = report[1];
  const int open_error = output < 0 || input < 0 ? errno : 0;
  const pid_t pid = open_error == 0 ? fork() : -1;
  if (pid == 0) RunChild(prepared, output, input);
  const int fork_error = open_error != 0 ? open_error : errno;
  for (const int descriptor : {report[1], output, input}) {
    if (descriptor >= 0) close(descriptor);
  }
  int error = pid < 0 ? fork_error : 0;
  if (pid > 0) {
    ssize_t got = 0;
    do {
      got = read(report[0], &error, sizeof error);
    } while (got < 0 && errno == EINTR);
    if (got <= 0) error = 0;
    if (error != 0) waitpid(pid, nullptr, 0);
  }
  close(report[0]);
  if (error != 0) return StartError(spec, error);
  return pid;
}

std::optional<ProcessExit> PollExit(pid_t child) {
  int status = 0;
  if (waitpid(child, &status, WNOHANG) != child) return std::nullopt;
  if (WIFSIGNALED(status)) return ProcessExit{-1, WTERMSIG(status)};
  return ProcessExit{WEXITSTATUS(status), 0};
}

int OpenPidDescriptor(pid_t process) {
  return static_cast<int>(syscall(SYS_pidfd_open, process, 0));
}

std::vector<pid_t> Descendants(pid_t process) {
  std::multimap<pid_t, pid_t> children;
  for (const Relation& relation : AllProcesses()) {
    if (relation.state != 'Z') children.emplace(relation.parent, relation.pid);
  }
  std::vector<pid_t> found{process};
  for (std::size_t i = 0; i < found.size(); ++i) {
    const auto [first, last] = children.equal_range(found[i]);
    for (auto it = first; it != last; ++it) found.push_back(it->second);
  }
  found.erase(found.begin());
  return found;
}

base::Status KillTrees(const std::vector<pid_t>& roots, base::Duration limit) {
  const SystemClock clock;
  const base::MonotonicTime deadline = clock.Monotonic() + limit;
  std::vector<pid_t> targets = roots;
  for (;;) {
    for (const pid_t root : roots) {
      for (const pid_t pid : Descendants(root)) {
        if (std::find(targets.begin(), targets.end(), pid) == targets.end()) targets.push_back(pid);
      }
    }
    for (const pid_t pid : targets) kill(pid, SIGKILL);
    for (const pid_t pid : targets) waitpid(pid, nullptr, WNOHANG);
    if (std::none_of(targets.begin(), targets.end(), Alive)) return base::Ok();
    if (clock.Monotonic() > deadline) return base::ServiceBroken("processes outlived SIGKILL");
    const timespec pause{0, kReapPause.count()};
    nanosleep(&pause, nullptr);
  }
}

std::vector<pid_t> Children(pid_t process) {
  std::vector<pid_t> children;
  for (const Relation& relation : AllProcesses()) {
    if (relation.parent == process) children.push_back(relation.pid);
  }
  return children;
}

void ReapExcept(const std::set<pid_t>& known) {
  for (const pid_t child : Children(getpid())) {
    if (!known.contains(child)) waitpid(child, nullptr, WNOHANG);
  }
}

void WaitFor(pid_t child) {
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void BecomeSubreaper() { CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0); }

}  // namespace leeward::os
