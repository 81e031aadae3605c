#include "lab/services/rds_engine.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <system_error>

namespace leeward::lab::rds {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSunPath = 107;  // sockaddr_un's path, without its closing zero
constexpr std::string_view kLongestSocket = ".s.PGSQL.5432";

// What a program said last.
std::string LastLine(const fs::path& log) {
  std::ifstream in(log);
  std::string last;
  for (std::string line; std::getline(in, line);) {
    if (!line.empty()) last = std::move(line);
  }
  return last;
}

}  // namespace

base::Status CheckSocketRoom(const fs::path& directory) {
  const std::size_t length = (directory / "01234567" / kLongestSocket).string().size();
  if (length <= kSunPath) return base::Ok();
  return base::Invalid(
      fmt::format("the lab's state directory makes socket paths {} characters too long at {}; "
                  "choose a shorter --state",
                  length - kSunPath, directory.string()));
}

Await<base::Result<ExitStatus>> RunChild(Host& host, ChildSpec spec) {
  using Outcome = base::Result<ExitStatus>;
  return Await<Outcome>([&host, spec = std::move(spec)](Await<Outcome>::Done done) {
    auto spawned = host.Spawn(spec, [done](ExitStatus status) { done(status); });
    if (!spawned.ok()) done(std::move(spawned).error());
  });
}

base::Status WriteFile(const fs::path& path, std::string_view text) {
  constexpr mode_t kOwnerOnly = S_IRUSR | S_IWUSR;
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kOwnerOnly);
  if (file < 0) return base::Exhausted(fmt::format("cannot write {}", path.string()));
  // One that was there keeps its mode; nobody else may read from the first byte on.
  bool whole = ::fchmod(file, kOwnerOnly) == 0;
  while (whole && !text.empty()) {
    const ssize_t put = ::write(file, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    whole = put > 0;
    if (whole) text.remove_prefix(static_cast<std::size_t>(put));
  }
  whole = ::close(file) == 0 && whole;
  if (!whole) return base::Exhausted(fmt::format("cannot write {}", path.string()));
  return base::Ok();
}

Await<base::Status> RemoveTree(Host& host, fs::path directory) {
  return Offload<base::Status>(host, [directory = std::move(directory)]() -> base::Status {
    std::error_code error;
    fs::remove_all(directory, error);
    if (!error) return base::Ok();
    return base::ServiceBroken("cannot remove " + directory.string() + ": " + error.message());
  });
}

Engine::Engine(Host& host, fs::path directory, Secrets secrets, std::string_view name,
               Signals signals)
    : host_(host),
      directory_(std::move(directory)),
      secrets_(std::move(secrets)),
      name_(name),
      signals_(signals) {}

Engine::~Engine() { SignalServer(signals_.abandon); }

void Engine::SignalServer(int signal) {
  if (child_) host_.Signal(*child_, signal);
}

base::Status Engine::MakeDirectory(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error)
    return base::Exhausted(fmt::format("cannot make {}: {}", path.string(), error.message()));
  return host_.GiveToEngine(path);
}

base::Status Engine::PrepareDirectory() { return MakeDirectory(directory_); }

Flow<base::Status> Engine::RunTool(std::vector<std::string> argv, std::string what) {
  ChildSpec spec;
  spec.argv = std::move(argv);
  spec.environment = ToolEnvironment();
  spec.environment.emplace_back("LC_ALL", "C.UTF-8");
  spec.directory = directory_;
  spec.log = directory_ / "tool.log";
  const base::Result<ExitStatus> ended = co_await RunChild(host_, spec);
  if (!ended.ok()) co_return base::Error(ended.error()).Context(what);
  if (ended->code == 0) co_return base::Ok();
  const std::string how = ended->signal != 0 ? fmt::format("signal {}", ended->signal)
                                             : fmt::format("code {}", ended->code);
  co_return base::ServiceBroken(fmt::format("{} ended with {} ({}); see {}", what, how,
                                            LastLine(spec.log), spec.log.string()));
}

Flow<base::Status> Engine::EmptyData() {
  base::Status prepared = PrepareDirectory();
  if (!prepared.ok()) co_return prepared;
  const fs::path old = data();
  co_return co_await RemoveTree(host_, old);
}

Flow<base::Status> Engine::CopyFrom(fs::path cluster) {
  base::Status emptied = co_await EmptyData();
  if (!emptied.ok()) co_return emptied;
  std::vector<std::string> argv = {"/bin/cp", "-a", "--reflink=auto", cluster.string(),
                                   data().string()};
  co_return co_await RunTool(std::move(argv), "copying a cluster");
}

Flow<base::Status> Engine::StartOnce() {
  BeforeStart();
  const ChildSpec spec = ServerCommand();
  stopping_ = true;  // an end before it is ready is ours to report, not a crash
  auto spawned = host_.Spawn(spec, [weak = weak_from_this()](ExitStatus status) {
    if (auto self = weak.lock()) self->Exited(status);
  });
  if (!spawned.ok()) co_return std::move(spawned).error().Context("starting " + name_);
  child_ = *spawned;
  const base::MonotonicTime deadline = host_.clock().Monotonic() + limits.start;
  while (running()) {
    if (IsReady()) {
      stopping_ = false;
      co_return base::Ok();
    }
    if (host_.clock().Monotonic() > deadline) {
      host_.Signal(*child_, signals_.abandon);
      co_return base::Unreachable(name_ + " did not become ready in time");
    }
    co_await Sleep(host_, limits.poll);
  }
  co_return base::ServiceBroken(name_ + " ended while starting; see " + spec.log.string());
}

Flow<base::Status> Engine::AfterStart() { co_return base::Ok(); }

Flow<base::Status> Engine::Start() {
  base::Status outcome = base::Ok();
  for (int attempt = 0; attempt < limits.start_attempts; ++attempt) {
    outcome = co_await StartOnce();
    if (outcome.ok() || running()) break;
    co_await Sleep(host_, limits.start_retry);
  }
  if (!outcome.ok()) co_return outcome;
  outcome = co_await AfterStart();
  if (outcome.ok()) co_return outcome;
  // It runs, and is not what it was to be.
  const base::Status stopped = co_await Stop();
  if (stopped.ok()) co_return outcome;
  co_return base::Error(outcome.error()).Context(stopped.error().message());
}

void Engine::Exited(ExitStatus /*status*/) {
  child_.reset();
  if (!stopping_ && crashed_) crashed_();
}

Flow<base::Status> Engine::CopyLog(const LogFiles& files, LogPlace from, std::uint64_t end,
                                   fs::path into) {
  using Copied = base::Result<std::vector<std::string>>;
  auto copied = Offload<Copied>(host_, [&files, log = log(), into, from, end] {
    return CopyLogFiles(files, log, into, from, end);
  });
  const Copied written = co_await copied;
  if (!written.ok()) co_return written.error();
  for (const std::string& file : *written) {
    const base::Status given = host_.GiveToEngine(into / file);
    if (!given.ok()) co_return given;
  }
  co_return base::Ok();
}

Flow<bool> Engine::WaitForExit(base::Duration bound) {
  const base::MonotonicTime deadline = host_.clock().Monotonic() + bound;
  while (running() && host_.clock().Monotonic() < deadline) co_await Sleep(host_, limits.poll);
  co_return !running();
}

Flow<base::Status> Engine::Stop() {
  stopping_ = true;
  for (const int signal : signals_.stop) {
    if (!running()) co_return base::Ok();
    SignalServer(signal);
    const bool ended = co_await WaitForExit(limits.fast_shutdown);
    if (ended) co_return base::Ok();
  }
  co_return base::ServiceBroken(name_ + " did not end although it was killed");
}

Flow<base::Status> Engine::Remove() {
  const fs::path directory = directory_;
  co_return co_await RemoveTree(host_, directory);
}

}  // namespace leeward::lab::rds
