#include "lab/control/supervisor.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>

#include "lab/core/remove_tree.h"
#include "lab/network/topology.h"
#include "os/files.h"
#include "os/process.h"
#include "os/shared_memory.h"
#include "os/socket.h"

namespace leeward::lab {
namespace {

using shapes::Value;

constexpr int kLastBlock = 240;
constexpr int kBlockStep = 3;
constexpr base::Duration kAskLimit = std::chrono::seconds(5);
constexpr base::Duration kKillLimit = std::chrono::seconds(10);
constexpr int kCannotReach = 4;
constexpr int kBadUsage = 2;

constexpr std::string_view kNetwork = "network";

int ExitCodeFor(const base::Error& error) {
  return error.code() == base::ErrorCode::kAlready || error.code() == base::ErrorCode::kUnreachable
             ? kCannotReach
             : 1;
}

}  // namespace

Supervisor::Supervisor(std::string state, int caller) : state_(std::move(state)) {
  caller_ = std::make_unique<LineChannel>(
      loop_, caller, [](const Value&) {},
      [this] {
        // Whoever asked for the lab is gone before it was up: so is the wish.
        if (!running_) End(1);
      });
}

Supervisor::~Supervisor() = default;

int Supervisor::Run() {
  signal(SIGPIPE, SIG_IGN);
  spdlog::flush_on(spdlog::level::info);
  os::BecomeSubreaper();
  loop_.OnSignals({SIGTERM, SIGINT, SIGHUP}, [this](int) { End(0); });
  loop_.Post([this] {
    const base::Status status = Prepare();
    if (!status.ok()) Fail(status.error());
  });
  loop_.Run();
  std::vector<pid_t> roots;
  for (const pid_t pid : os::Descendants(getpid())) roots.push_back(pid);
  const base::Status killed = os::KillTrees(roots, kKillLimit);
  if (!killed.ok()) spdlog::error("{}", killed.error().message());
  once_ours_.insert(roots.begin(), roots.end());
  os::RemoveSharedMemoryOf(once_ours_);
  std::error_code ignored;  // sockets of processes that are gone
  std::filesystem::remove_all(config_.File("run"), ignored);
  return exit_code_;
}

void Supervisor::End(int code) {
  exit_code_ = code;
  ending_ = true;
  loop_.Stop();
}

void Supervisor::Fail(const base::Error& error) {
  spdlog::error("{}", error.message());
  caller_->Send(Value::Struct({{"error", error.message()}, {"exit", ExitCodeFor(error)}}));
  End(1);
}

base::Status Supervisor::Prepare() {
  ASSIGN_OR_RETURN(config_, LoadConfig(state_, files_));
  config_.state = state_;
  auto lock = files_.OpenAppend(config_.File("lock"));
  if (!lock.ok()) {
    caller_->Send(Value::Struct(
        {{"error",
          fmt::format(
              "a lab is already running with state {0}: `leeward-lab down --state {0}` ends it",
              state_)},
         {"exit", kBadUsage}}));
    End(kBadUsage);
    return base::Ok();
  }
  lock_ = std::move(*lock);
  RETURN_IF_ERROR(files_.MakeDirectories(config_.File("run")));
  RETURN_IF_ERROR(ClaimBlocks());
  RETURN_IF_ERROR(OpenGateway());
  RETURN_IF_ERROR(SaveConfig(config_, files_));
  return StartProcess(std::string(kNetwork), {}, [this](const base::Status& status) {
    if (!status.ok()) return Fail(status.error());
    StartPlaces();
  });
}

// Three neighbouring /16 networks of loopback; a socket on each says that they are taken.
base::Status Supervisor::ClaimBlocks() {
  const int kept = config_.first_block;
  for (int first = kept > 0 ? kept : 1; first <= kLastBlock; first += kBlockStep) {
    std::vector<int> sockets;
    for (int i = 0; i < kBlockStep; ++i) {
      const auto socket = os::Listen({fmt::format("127.{}.255.254", first + i), kClaimPort, ""});
      if (!socket.ok()) break;
      sockets.push_back(*socket);
    }
    if (sockets.size() == kBlockStep) {
      claims_ = std::move(sockets);
      config_.first_block = first;
      return base::Ok();
    }
    for (const int socket : sockets) close(socket);
    if (kept > 0)
      return base::Already(fmt::format(
          "another lab has the addresses 127.{}.0.0/16 of this one: end it first", kept));
  }
  return base::Already("no free loopback networks are left for a lab: end another one first");
}

base::Status Supervisor::OpenGateway() {
  ASSIGN_OR_RETURN(const os::Address address, os::Address::ParseHostPort(config_.gateway));
  auto socket = os::Listen(address);
  if (!socket.ok())
    return std::move(socket).error().Context(
        "the gateway's port is not free (--gateway HOST:PORT gives another)");
  gateway_socket_ = *socket;
  config_.gateway = os::LocalAddress(gateway_socket_).ToString();
  ASSIGN_OR_RETURN(const os::Address dns, os::Address::ParseHostPort(config_.dns));
  // Port 0: one that is free now. The global plane says so if it is not any more.
  auto probe = os::Listen(dns);
  if (!probe.ok())
    return std::move(probe).error().Context(
        "the DNS port is not free (--dns HOST:PORT gives another)");
  config_.dns = os::LocalAddress(*probe).ToString();
  close(*probe);
  return base::Ok();
}

base::Status Supervisor::StartProcess(const std::string& name, std::vector<int> descriptors,
                                      std::function<void(base::Status)> ready) {
  int pair[2];
  CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
  os::ProcessSpec spec;
  spec.argv = {os::OwnProgram(), name == kNetwork ? "__network" : "__place", state_, name};
  spec.environment = {{"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
                      {"LANG", "C.UTF-8"}};
  spec.output = config_.Log(name);
  spec.descriptors = {pair[1]};
  spec.descriptors.insert(spec.descriptors.end(), descriptors.begin(), descriptors.end());
  const auto pid = os::StartProcess(spec);
  close(pair[1]);
  if (!pid.ok()) {
    close(pair[0]);
    return pid.error();
  }
  Process& process = processes_[name];
  process.pid = *pid;
  process.state = Process::State::kStarting;
  process.ready = std::move(ready);
  process.channel = std::make_unique<LineChannel>(
      loop_, pair[0], [this, name](const Value& message) { Received(name, message); }, [] {});
  process.watch = std::make_unique<os::Descriptor>(loop_, os::OpenPidDescriptor(*pid));
  process.watch->OnReadable([this, name] { Ended(name); });
  once_ours_.insert(*pid);
  return base::Ok();
}

void Supervisor::StartPlaces() {
  auto network = LineCaller::Connect(config_.NetworkSocket(), kAskLimit);
  if (!network.ok()) return Fail(network.error());
  network_ = std::move(*network);
  const auto ready = [this](const base::Status& status) { PlaceReady(status); };
  std::vector<std::string> places = config_.regions;
  places.emplace_back(kGlobal);
  places_starting_ = places.size();
  for (const std::string& place : places) {
    const bool global = place == kGlobal;
    const base::Status started =
        StartProcess(place, global ? std::vector<int>{gateway_socket_} : std::vector<int>{}, ready);
    if (!started.ok()) return Fail(started.error());
  }
}

void Supervisor::PlaceReady(const base::Status& status) {
  if (ending_) return;
  if (!status.ok()) return Fail(status.error());
  if (--places_starting_ == 0) Ready();
}

void Supervisor::Ready() {
  const auto listening = os::Listen({"", 0, config_.AdminSocket()});
  if (!listening.ok()) return Fail(listening.error());
  admin_ = std::make_unique<os::Descriptor>(loop_, *listening);
  admin_->OnReadable([this] { Accept(); });
  running_ = true;
  spdlog::info("up: gateway {}, dns {}", config_.gateway, config_.dns);
  Value message = Status();
  message.Set("ready", true);
  caller_->Send(message);
  ReapStrays();
}

void Supervisor::Received(const std::string& name, const Value& message) {
  Process& process = processes_[name];
  if (const Value* parts = message.Find("parts")) {
    process.parts = *parts;
    return;
  }
  if (process.ready) {
    process.state = Process::State::kUp;
    const auto ready = std::exchange(process.ready, nullptr);
    if (message.Flag("ready", false)) return ready(base::Ok());
    const base::ErrorCode code = message.String("code") == base::Name(base::ErrorCode::kAlready)
                                     ? base::ErrorCode::kAlready
                                     : base::ErrorCode::kService;
    return ready(base::Error(code, std::string(message.String("error"))));
  }
  const auto waiting = process.waiting.find(message.Int("id"));
  if (waiting == process.waiting.end()) return;
  const auto answered = std::move(waiting->second);
  process.waiting.erase(waiting);
  answered(message);
}

void Supervisor::Ended(const std::string& name) {
  Process& process = processes_[name];
  if (process.pid == 0) return;
  const auto exit = os::PollExit(process.pid);
  if (!exit) {
    if (kill(process.pid, 0) == 0) process.watch->OnReadable([this, name] { Ended(name); });
    return;
  }
  spdlog::error("{} ended: code {}, signal {}", name, exit->code, exit->signal);
  process.pid = 0;
  process.watch.reset();
  process.channel.reset();
  process.state = Process::State::kCrashed;
  for (auto& [id, answered] : std::exchange(process.waiting, {}))
    answered(Value::Struct({{"error", name + " has ended"}}));
  if (process.ready)
    return std::exchange(process.ready, nullptr)(base::ServiceBroken(
        fmt::format("{} ended while starting: see {}", name, config_.Log(name))));
  // Without the network or the global plane there is no lab.
  if (name == kNetwork || name == kGlobal) return End(1);
  ReapStrays();
}

// Children that are none of the processes started here are orphans of a Region that has ended.
void Supervisor::ReapStrays() {
  std::set<pid_t> known;
  for (const auto& [name, process] : processes_) known.insert(process.pid);
  std::vector<pid_t> strays;
  for (const pid_t child : os::Children(getpid())) {
    if (!known.contains(child)) strays.push_back(child);
  }
  if (!strays.empty()) {
    const base::Status killed = os::KillTrees(strays, kKillLimit);
    if (!killed.ok()) spdlog::error("{}", killed.error().message());
  }
  os::ReapExcept(known);
}

void Supervisor::Tell(const std::string& name, Value request, Answered answered) {
  Process& process = processes_[name];
  if (process.channel == nullptr || process.state != Process::State::kUp) {
    return answered(
        Value::Struct({{"error", fmt::format("{} is not running: `leeward-lab heal {}` starts it",
                                             name, name)}}));
  }
  const std::int64_t id = next_id_++;
  request.Set("id", id);
  process.waiting[id] = std::move(answered);
  process.channel->Send(request);
}

int RunSupervisor(const std::string& state) { return Supervisor(state, 3).Run(); }

namespace {

enum class Ended { kByItself, kWithOwner };

// Waits for the supervisor's end. An owner that ends first takes it along.
Ended AwaitEnd(pid_t supervisor, Owner owner) {
  if (owner == Owner::kNone) {
    os::WaitFor(supervisor);
    return Ended::kByItself;
  }
  std::array<pollfd, 2> ends{pollfd{os::OpenPidDescriptor(supervisor), POLLIN, 0},
                             pollfd{kOwnerDescriptor, POLLIN, 0}};
  while (poll(ends.data(), ends.size(), -1) < 0 && errno == EINTR) {
  }
  const bool by_itself = (ends[0].revents & POLLIN) != 0;
  if (!by_itself) kill(supervisor, SIGTERM);
  os::WaitFor(supervisor);
  return by_itself ? Ended::kByItself : Ended::kWithOwner;
}

}  // namespace

int RunKeeper(const std::string& state, Owner owner) {
  os::BecomeSubreaper();
  os::SystemFiles files;
  // Held for life: the lab has ended when its last process has, and that is this one. Where another
  // has it, the supervisor finds its own lock taken too, and says so.
  const auto lock = files.OpenAppend(state + "/" + kKeeperLock);
  signal(SIGPIPE, SIG_IGN);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) signal(number, SIG_IGN);
  os::ProcessSpec spec;
  spec.argv = {os::OwnProgram(), "__supervisor", state};
  spec.environment = {{"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
                      {"LANG", "C.UTF-8"}};
  spec.output = state + "/logs/supervisor.log";
  spec.descriptors = {3};
  spec.death_signal = SIGTERM;
  const auto pid = os::StartProcess(spec);
  close(3);
  if (!pid.ok()) return 1;
  std::set<int> seen{*pid};
  const Ended ended = AwaitEnd(*pid, owner);
  const auto left = os::Descendants(getpid());
  seen.insert(left.begin(), left.end());
  const bool clean = os::KillTrees(left, kKillLimit).ok();
  os::RemoveSharedMemoryOf(seen);
  // What cannot be deleted stays to be looked at.
  if (ended == Ended::kWithOwner) static_cast<void>(RemoveTree(state));
  return clean ? 0 : 1;
}

}  // namespace leeward::lab
