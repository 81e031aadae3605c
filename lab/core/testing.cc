#include "lab/core/testing.h"

#include <fmt/format.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include <algorithm>

#include "base/check.h"
#include "lab/core/engine_user.h"
#include "os/clock.h"
#include "os/process.h"

namespace leeward::lab {
namespace {

constexpr base::Duration kKillLimit = std::chrono::seconds(10);
constexpr base::Duration kIdlePause = std::chrono::milliseconds(1);
constexpr base::WallTime kManualStart{std::chrono::seconds(1'795'420'800)};  // 2026-11-23T08:00:00Z

void Pause() {
  const timespec pause{0, kIdlePause.count()};
  nanosleep(&pause, nullptr);
}

}  // namespace

std::string FakeNetwork::AddressFor(std::string_view name) {
  const auto found = addresses_.find(name);
  if (found != addresses_.end()) return found->second;
  std::string address = fmt::format("127.{}.0.{}", block_, 10 + addresses_.size());
  return addresses_.emplace(std::string(name), std::move(address)).first->second;
}

void FakeNetwork::Publish(const PublicEndpoint& endpoint) { endpoints[endpoint.name] = endpoint; }

void FakeNetwork::Withdraw(std::string_view name) { endpoints.erase(std::string(name)); }

void FakeNetwork::SetIngress(std::string_view name, std::vector<std::string> cidrs) {
  ingress[std::string(name)] = std::move(cidrs);
}

std::pair<std::string, std::uint16_t> FakeNetwork::Link(std::string_view to_region,
                                                        std::string_view address,
                                                        std::uint16_t port) {
  const LinkRecord wanted{std::string(to_region), std::string(address), port};
  const bool known = std::any_of(links.begin(), links.end(), [&](const LinkRecord& link) {
    return link.to_region == wanted.to_region && link.address == wanted.address &&
           link.port == wanted.port;
  });
  if (!known) links.push_back(wanted);
  if (resolve_link) return resolve_link(wanted);
  return {AddressFor(fmt::format("link:{}:{}:{}", to_region, address, port)), port};
}

FakeHost::FakeHost(FakeHostOptions options)
    : options_(std::move(options)),
      random_(options_.seed),
      credentials_({.account = options_.account, .root = "root of a FakeHost"}),
      network_(options_.block) {
  // Engines that run as another user must be able to walk through.
  std::filesystem::permissions(directory(), std::filesystem::perms::owner_all |
                                                std::filesystem::perms::group_exec |
                                                std::filesystem::perms::others_exec);
  if (options_.time == FakeHostOptions::Time::kReal) {
    clock_ = std::make_unique<os::SystemClock>();
  } else {
    auto manual = std::make_unique<ports::ManualClock>(kManualStart);
    manual_ = manual.get();
    clock_ = std::move(manual);
  }
  regions_[options_.region] = this;
}

FakeHost::~FakeHost() {
  std::vector<pid_t> roots;
  for (const Running& running : running_) {
    if (running.pid > 0) roots.push_back(running.pid);
  }
  if (!roots.empty() && !os::KillTrees(roots, kKillLimit).ok()) {
    fmt::print(stderr, "FakeHost: children outlived SIGKILL\n");
  }
}

void FakeHost::Add(Service& service) { services_[std::string(service.name())] = &service; }

void FakeHost::Connect(const std::vector<FakeHost*>& hosts) {
  for (FakeHost* host : hosts) {
    for (FakeHost* other : hosts) host->regions_[other->region()] = other;
  }
}

bool FakeHost::RunPosted() {
  std::deque<std::function<void()>> ready;
  {
    const std::lock_guard lock(posted_mutex_);
    ready.swap(posted_);
  }
  for (const auto& then : ready) then();
  return !ready.empty();
}

bool FakeHost::RunDueTimers() {
  bool any = false;
  while (!timers_.empty() && timers_.begin()->first <= clock_->Monotonic()) {
    auto timer = timers_.extract(timers_.begin());
    timer.mapped()();
    any = true;
  }
  return any;
}

bool FakeHost::ReapChildren() {
  std::vector<std::pair<Running, os::ProcessExit>> ended;
  std::erase_if(running_, [&](const Running& running) {
    if (running.pid == 0) return false;
    const auto exit = os::PollExit(running.pid);
    if (exit) ended.emplace_back(running, *exit);
    return exit.has_value();
  });
  for (const auto& [running, exit] : ended) {
    ChildById(running.id).running = false;
    running.exited({exit.code, exit.signal});
  }
  return !ended.empty();
}

bool FakeHost::Pump() {
  const bool children = ReapChildren();
  const bool timers = RunDueTimers();
  const bool posted = RunPosted();
  return children || timers || posted;
}

void FakeHost::Advance(base::Duration by) {
  CHECK_MSG(manual_ != nullptr, "Advance needs the manual clock");
  const base::MonotonicTime end = clock_->Monotonic() + by;
  while (RunPosted()) {
  }
  while (!timers_.empty() && timers_.begin()->first <= end) {
    const base::MonotonicTime due = timers_.begin()->first;
    if (due > clock_->Monotonic()) manual_->Advance(due - clock_->Monotonic());
    Pump();
    while (RunPosted()) {
    }
  }
  manual_->Advance(end - clock_->Monotonic());
}

bool FakeHost::PumpUntil(const std::function<bool()>& done, base::Duration limit) {
  const os::SystemClock real;
  const base::MonotonicTime deadline = real.Monotonic() + limit;
  while (!done()) {
    if (real.Monotonic() > deadline) return false;
    bool any = false;
    for (const auto& [name, host] : regions_) any = host->Pump() || any;
    if (any) continue;
    const bool waits_for_children =
        std::any_of(running_.begin(), running_.end(), [](const Running& r) { return r.pid > 0; });
    if (manual_ != nullptr && !timers_.empty() && !waits_for_children) {
      manual_->Advance(timers_.begin()->first - clock_->Monotonic());
    } else {
      if (manual_ != nullptr) manual_->Advance(kIdlePause);
      Pause();
    }
  }
  return true;
}

std::filesystem::path FakeHost::StateDirectory(std::string_view service) {
  std::filesystem::path path = directory() / service;
  std::filesystem::create_directories(path);
  std::filesystem::permissions(path, std::filesystem::perms::owner_all |
                                         std::filesystem::perms::group_exec |
                                         std::filesystem::perms::others_exec);
  return path;
}

base::Status FakeHost::GiveToEngine(const std::filesystem::path& path) {
  return GiveToEngineUser(path);
}

void FakeHost::After(base::Duration delay, std::function<void()> then) {
  timers_.emplace(clock_->Monotonic() + std::max(delay, base::Duration{0}), std::move(then));
}

void FakeHost::RunBlocking(std::function<void()> work, std::function<void()> done) {
  Post([work = std::move(work), done = std::move(done)] {
    work();
    done();
  });
}

FakeHost::Child& FakeHost::ChildById(ChildId id) {
  const auto found =
      std::find_if(children_.begin(), children_.end(), [&](const Child& c) { return c.id == id; });
  CHECK(found != children_.end());
  return *found;
}

base::Result<ChildId> FakeHost::Spawn(const ChildSpec& spec,
                                      std::function<void(ExitStatus)> exited) {
  int pid = 0;
  if (options_.children == FakeHostOptions::Children::kReal) {
    ASSIGN_OR_RETURN(pid, os::StartProcess(ToProcess(spec)));
  }
  const ChildId id = next_child_++;
  children_.push_back({id, spec, {}, true});
  running_.push_back({id, pid, std::move(exited)});
  return id;
}

void FakeHost::Signal(ChildId child, int signal) {
  ChildById(child).signals.push_back(signal);
  for (const Running& running : running_) {
    if (running.id != child || running.pid == 0) continue;
    kill(signal == SIGKILL ? -running.pid : running.pid, signal);
  }
}

void FakeHost::EndChild(ChildId id, ExitStatus status) {
  const auto found =
      std::find_if(running_.begin(), running_.end(), [&](const Running& r) { return r.id == id; });
  CHECK(found != running_.end() && found->pid == 0);
  auto exited = std::move(found->exited);
  running_.erase(found);
  ChildById(id).running = false;
  Post([exited = std::move(exited), status] { exited(status); });
}

void FakeHost::Post(std::function<void()> then) {
  const std::lock_guard lock(posted_mutex_);
  posted_.push_back(std::move(then));
}

Service* FakeHost::Find(std::string_view name) {
  const auto found = services_.find(name);
  return found == services_.end() ? nullptr : found->second;
}

void FakeHost::CallRegion(std::string_view region, std::string_view service,
                          std::string_view operation, shapes::Value input, base::Duration deadline,
                          Reply reply) {
  const auto other = regions_.find(region);
  if (other == regions_.end() || cut_.contains(region) || network_.IsDark(region)) {
    After(deadline, [reply = std::move(reply), text = std::string(region)] {
      reply(ApiError{"RequestTimeout", text + " did not answer", 0, {}});
    });
    return;
  }
  FakeHost* there = other->second;
  there->Post([this, there, name = std::string(service), operation = std::string(operation),
               input = std::move(input), reply = std::move(reply)] {
    Service* target = there->Find(name);
    auto back = [this, reply](Answer answer) {
      Post([reply, answer = std::move(answer)] { reply(answer); });
    };
    if (target == nullptr)
      return back(ApiError{"ServiceUnavailable", name + " is not in that Region", 503, {}});
    target->HandleInternal(operation, input, back);
  });
}

}  // namespace leeward::lab
