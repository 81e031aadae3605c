// For tests: Regions with real child processes, a real clock and real waits, in one thread.
//
// Links lead straight to the other side's Unix socket, or by a TCP address of their own to servers
// that are told who connects. A dark Region neither answers calls nor is reached.
#pragma once

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/testing/scratch_folder.h"
#include "lab/core/credentials.h"
#include "lab/core/service.h"
#include "lab/services/rds_test_link.h"

namespace leeward::lab::rds {

class TestClock : public ports::Clock {
 public:
  base::WallTime Now() const override { return {FromKernel(CLOCK_REALTIME)}; }
  base::MonotonicTime Monotonic() const override { return {FromKernel(CLOCK_MONOTONIC)}; }

 private:
  static base::Duration FromKernel(clockid_t which) {
    timespec now{};
    clock_gettime(which, &now);
    return std::chrono::seconds(now.tv_sec) + base::Duration(now.tv_nsec);
  }
};

class TestRegion;

class TestWorld {
 public:
  TestWorld() {
    engine_user_ = getuid() == 0 ? getpwnam("postgres") : nullptr;
    std::filesystem::permissions(root(), std::filesystem::perms(0755));
    for (int i = 0; i < 4; ++i) threads_.emplace_back([this] { Work(); });
  }
  ~TestWorld() {
    for (auto& [id, child] : children_) {
      kill(child.pid, SIGKILL);
      waitpid(child.pid, nullptr, 0);
    }
    {
      std::lock_guard lock(mutex_);
      closing_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    timers_.clear();
    ready_.clear();
  }

  const std::filesystem::path& root() const { return root_.path(); }
  const ports::Clock& clock() const { return clock_; }

  // Runs events until `done` or the bound; whether it became so.
  bool RunUntil(const std::function<bool()>& done,
                base::Duration bound = std::chrono::seconds(60)) {
    const base::MonotonicTime deadline = clock_.Monotonic() + bound;
    while (!done()) {
      if (clock_.Monotonic() > deadline) return false;
      Step();
    }
    return true;
  }
  void RunFor(base::Duration time) {
    RunUntil([] { return false; }, time);
  }

  void Post(std::function<void()> job) {
    std::lock_guard lock(mutex_);
    ready_.push_back(std::move(job));
    arrived_.notify_one();
  }
  void After(base::Duration delay, std::function<void()> then) {
    timers_.emplace(clock_.Monotonic() + delay, std::move(then));
  }
  void Blocking(std::function<void()> work, std::function<void()> done) {
    {
      std::lock_guard lock(mutex_);
      work_.emplace_back(std::move(work), std::move(done));
    }
    wake_.notify_one();
  }

  base::Result<ChildId> Spawn(const ChildSpec& spec, std::function<void(ExitStatus)> exited) {
    std::vector<char*> argv;
    for (const std::string& arg : spec.argv) argv.push_back(const_cast<char*>(arg.c_str()));
    argv.push_back(nullptr);
    const int log = open(spec.log.c_str(), O_CREAT | O_APPEND | O_WRONLY | O_CLOEXEC, 0644);
    const pid_t pid = fork();
    if (pid == 0) {
      dup2(log, 1);
      dup2(log, 2);
      setpgid(0, 0);
      if (engine_user_ != nullptr &&
          (setgroups(0, nullptr) != 0 || setgid(engine_user_->pw_gid) != 0 ||
           setuid(engine_user_->pw_uid) != 0)) {
        _exit(126);
      }
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (chdir(spec.directory.c_str()) != 0) _exit(125);
      clearenv();
      setenv("PATH", "/usr/bin:/bin", 1);
      for (const auto& [name, value] : spec.environment) setenv(name.c_str(), value.c_str(), 1);
      execv(argv[0], argv.data());
      _exit(127);
    }
    close(log);
    if (pid < 0) return base::Exhausted("fork failed");
    children_[static_cast<ChildId>(pid)] = {pid, std::move(exited)};
    return static_cast<ChildId>(pid);
  }
  void Signal(ChildId id, int signal) {
    if (const auto child = children_.find(id); child != children_.end()) {
      kill(child->second.pid, signal);
    }
  }
  base::Status Give(const std::filesystem::path& path) {
    if (engine_user_ == nullptr) return base::Ok();
    if (chown(path.c_str(), engine_user_->pw_uid, engine_user_->pw_gid) == 0) return base::Ok();
    return base::Denied("chown " + path.string());
  }
  // SIGKILL to the group of every child, as when a Region is killed.
  void KillChildren(const std::set<ChildId>& which) {
    for (const ChildId id : which) {
      const auto child = children_.find(id);
      if (child == children_.end()) continue;
      kill(child->second.pid, SIGKILL);
      waitpid(child->second.pid, nullptr, 0);
      children_.erase(child);
    }
  }

  std::map<std::string, TestRegion*> regions;
  std::set<std::string> dark;
  std::map<std::pair<std::string, std::uint16_t>, PublicEndpoint> published;

 private:
  struct Child {
    pid_t pid = 0;
    std::function<void(ExitStatus)> exited;
  };

  void Work() {
    for (;;) {
      std::pair<std::function<void()>, std::function<void()>> job;
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [this] { return closing_ || !work_.empty(); });
        if (closing_) return;
        job = std::move(work_.front());
        work_.pop_front();
      }
      job.first();
      Post(std::move(job.second));
    }
  }

  void Reap() {
    std::vector<std::pair<Child, ExitStatus>> ended;
    for (auto child = children_.begin(); child != children_.end();) {
      int status = 0;
      if (waitpid(child->second.pid, &status, WNOHANG) != child->second.pid) {
        ++child;
        continue;
      }
      ExitStatus exit;
      exit.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
      exit.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
      ended.emplace_back(std::move(child->second), exit);
      child = children_.erase(child);
    }
    for (auto& [child, exit] : ended) child.exited(exit);
  }

  void Step() {
    Reap();
    std::deque<std::function<void()>> jobs;
    {
      std::unique_lock lock(mutex_);
      if (ready_.empty()) arrived_.wait_for(lock, std::chrono::milliseconds(1));
      jobs.swap(ready_);
    }
    for (auto& job : jobs) job();
    while (!timers_.empty() && timers_.begin()->first <= clock_.Monotonic()) {
      auto then = std::move(timers_.begin()->second);
      timers_.erase(timers_.begin());
      then();
    }
  }

  TestClock clock_;
  base::testing::ScratchFolder root_{"/tmp/lw-rds-XXXXXX"};
  const passwd* engine_user_ = nullptr;
  std::map<ChildId, Child> children_;
  std::multimap<base::MonotonicTime, std::function<void()>> timers_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable arrived_;
  std::deque<std::function<void()>> ready_;
  std::deque<std::pair<std::function<void()>, std::function<void()>>> work_;
  bool closing_ = false;
  std::vector<std::thread> threads_;
};

// Work of a Region on other threads, which end with the Region's process.
class RegionsWork {
 public:
  // For another thread; left out when the Region was killed before its turn.
  std::function<void()> Of(std::function<void()> work) {
    return [state = state_, work = std::move(work), life = state_->life] {
      {
        const std::lock_guard lock(state->mutex);
        if (life != state->life) return;
        ++state->running;
      }
      work();
      const std::lock_guard lock(state->mutex);
      --state->running;
      state->ended.notify_all();
    };
  }
  // What is being done is waited for, since no thread can be ended from outside.
  void End() {
    std::unique_lock lock(state_->mutex);
    ++state_->life;
    EXPECT_TRUE(state_->ended.wait_for(lock, std::chrono::seconds(30),
                                       [this] { return state_->running == 0; }));
  }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable ended;
    int life = 0;
    int running = 0;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

class TestRegion : public Host, public Network {
 public:
  TestRegion(TestWorld& world, std::string region, int block)
      : world_(world),
        region_(std::move(region)),
        block_(block),
        random_(static_cast<unsigned>(block)) {
    world_.regions[region_] = this;
  }
  ~TestRegion() override { world_.regions.erase(region_); }

  const std::string& region() const override { return region_; }
  const std::string& account() const override { return account_; }
  Pace pace() const override { return Pace::kFast; }
  const ports::Clock& clock() const override { return world_.clock(); }
  ports::Random& random() override { return random_; }
  Network& network() override { return *this; }
  std::filesystem::path StateDirectory(std::string_view service) override {
    auto path = world_.root() / region_ / service;
    std::filesystem::create_directories(path);
    return path;
  }
  base::Status GiveToEngine(const std::filesystem::path& path) override {
    return world_.Give(path);
  }
  void After(base::Duration delay, std::function<void()> then) override {
    world_.After(delay, Guarded(std::move(then)));
  }
  void RunBlocking(std::function<void()> work, std::function<void()> done) override {
    world_.Blocking(work_.Of(std::move(work)), Guarded(std::move(done)));
  }
  base::Result<ChildId> Spawn(const ChildSpec& spec,
                              std::function<void(ExitStatus)> exited) override {
    auto child = world_.Spawn(spec, std::move(exited));
    if (child.ok()) spawned_.insert(*child);
    return child;
  }
  void Signal(ChildId child, int signal) override { world_.Signal(child, signal); }
  void Post(std::function<void()> then) override { world_.Post(Guarded(std::move(then))); }
  std::filesystem::path ApiSocket() const override { return {}; }
  std::string DnsAddress() const override { return {}; }
  const Credentials& credentials() const override { return credentials_; }
  bool IsDark(std::string_view region) const override {
    return world_.dark.contains(std::string(region));
  }
  Service* Find(std::string_view name) override {
    const auto found = services.find(std::string(name));
    return found == services.end() ? nullptr : found->second;
  }
  void CallRegion(std::string_view region, std::string_view service, std::string_view operation,
                  shapes::Value input, base::Duration deadline, Reply reply) override {
    const auto other = world_.regions.find(std::string(region));
    if (other == world_.regions.end() || world_.dark.contains(std::string(region))) {
      After(std::min<base::Duration>(deadline, std::chrono::milliseconds(300)), [reply] {
        reply(ApiError{"RequestTimeout", "no answer", 0, {}});
      });
      return;
    }
    Service* target = other->second->Find(service);
    ASSERT_NE(target, nullptr);
    world_.Post([target, operation = std::string(operation), input = std::move(input), reply] {
      target->HandleInternal(operation, input, reply);
    });
  }

  std::string AddressFor(std::string_view name) override {
    auto [found, added] = addresses_.emplace(std::string(name), "");
    if (added) {
      found->second =
          "127." + std::to_string(block_) + ".0." + std::to_string(addresses_.size() + 9);
    }
    return found->second;
  }
  void Publish(const PublicEndpoint& endpoint) override {
    endpoints[endpoint.name] = endpoint;
    world_.published[{endpoint.address, endpoint.port}] = endpoint;
  }
  void Withdraw(std::string_view name) override { endpoints.erase(std::string(name)); }
  void SetIngress(std::string_view name, std::vector<std::string> cidrs) override {
    ingress[std::string(name)] = std::move(cidrs);
  }
  std::pair<std::string, std::uint16_t> Link(std::string_view, std::string_view address,
                                             std::uint16_t port) override {
    const PublicEndpoint& target = world_.published[{std::string(address), port}];
    if (target.origin == Origin::kHidden) return {target.backend.parent_path().string(), 5432};
    std::unique_ptr<TestLink>& link = links_[target.backend.string()];
    if (link == nullptr) link = std::make_unique<TestLink>(target.backend);
    return {"127.0.0.1", link->port()};
  }

  // Everything in the Region ends at once, as at SIGKILL: what was on its way is never heard of
  // again.
  void Kill() {
    ++generation_;
    world_.KillChildren(std::exchange(spawned_, {}));
    work_.End();
  }

  std::map<std::string, Service*> services;
  std::map<std::string, PublicEndpoint> endpoints;
  std::map<std::string, std::vector<std::string>> ingress;

 private:
  TestWorld& world_;
  std::string region_;
  std::string account_ = "123456789012";
  int block_;
  ports::SeededRandom random_;
  Credentials credentials_{{.account = account_, .root = "root of a TestRegion"}};
  std::map<std::string, std::string> addresses_;
  std::map<std::string, std::unique_ptr<TestLink>> links_;
  std::set<ChildId> spawned_;
  RegionsWork work_;

  std::function<void()> Guarded(std::function<void()> then) {
    return [this, then = std::move(then), generation = generation_] {
      if (generation == generation_) then();
    };
  }
  int generation_ = 0;
};

// One template of each engine for all tests of the program: making it takes longer than most of
// them.
inline std::filesystem::path SharedTemplateDirectory(std::string_view engine = "template") {
  struct Holder {
    Holder() { std::filesystem::permissions(folder.path(), std::filesystem::perms(0755)); }
    base::testing::ScratchFolder folder{"/tmp/lw-rdt-XXXXXX"};
  };
  static const Holder holder;
  return holder.folder.path() / engine;
}

// Runs the Flow to its end; fails the test when it does not end in time.
template <typename T, typename FlowT>
T Finish(TestWorld& world, FlowT flow) {
  auto result = std::make_shared<std::optional<T>>();
  auto run = [](FlowT inner, std::shared_ptr<std::optional<T>> out) -> FlowT {
    T value = co_await std::move(inner);
    out->emplace(value);
    co_return value;
  };
  run(std::move(flow), result).Detach();
  EXPECT_TRUE(world.RunUntil([&] { return result->has_value(); }));
  CHECK(result->has_value());
  return **result;
}

}  // namespace leeward::lab::rds
