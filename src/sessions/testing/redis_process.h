// RedisProcess: a real redis-server on a free port of loopback, in a folder of its own, for tests.
#pragma once

#include <poll.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/testing/scratch_folder.h"
#include "os/clock.h"
#include "os/process.h"
#include "os/socket.h"
#include "sessions/redis_connection.h"

namespace leeward::sessions::testing {

class RedisProcess {
 public:
  // A primary, or with `of` a replica of it.
  explicit RedisProcess(const RedisProcess* of = nullptr) {
    if (of != nullptr) arguments_ = {"--replicaof", "127.0.0.1", std::to_string(of->port_)};
    constexpr int kTries = 5;  // another may take the port in between
    for (int i = 0; i < kTries && pid_ == 0; ++i) Start();
    CHECK_MSG(pid_ != 0, "redis-server did not start");
  }
  ~RedisProcess() { Kill(); }
  RedisProcess(const RedisProcess&) = delete;
  RedisProcess& operator=(const RedisProcess&) = delete;

  RedisAddress address() const { return {"127.0.0.1", port_}; }
  RedisServerOptions options() const {
    return {.address = address(), .user = "", .password = "", .source_address = "", .resolve = {}};
  }
  // As a lost Region.
  void Kill() {
    if (pid_ == 0) return;
    CHECK(os::KillTrees({pid_}, std::chrono::seconds(10)).ok());
    pid_ = 0;
  }
  void Do(const std::vector<std::string>& words) {
    RedisServer server(options(), clock_);
    const auto reply = server.Do(words, clock_.Monotonic() + std::chrono::seconds(5));
    CHECK_MSG(reply.ok(), words.front().c_str());
  }
  void Promote() { Do({"REPLICAOF", "NO", "ONE"}); }

 private:
  static std::string Program() {
    for (const char* path : {"/usr/bin/redis-server", "/usr/local/bin/redis-server"}) {
      if (std::filesystem::exists(path)) return path;
    }
    CHECK_NEVER("redis-server is not installed; scripts/setup installs it");
  }

  void Start() {
    os::Address any;
    any.host = "127.0.0.1";
    const auto probe = os::Listen(any);
    CHECK(probe.ok());
    port_ = os::LocalAddress(*probe).port;
    ::close(*probe);
    os::ProcessSpec spec;
    spec.argv = {
        Program(), "--port", std::to_string(port_),        "--bind", "127.0.0.1", "--save", "",
        "--dir",   folder_,  "--repl-diskless-sync-delay", "0"};
    spec.argv.insert(spec.argv.end(), arguments_.begin(), arguments_.end());
    spec.output = folder_ + "/log";
    const auto started = os::StartProcess(spec);
    CHECK(started.ok());
    pid_ = *started;
    if (AwaitReady()) return;
    Kill();
  }

  bool AwaitReady() {
    RedisServer server(options(), clock_);
    const base::MonotonicTime until = clock_.Monotonic() + std::chrono::seconds(30);
    while (clock_.Monotonic() < until && !os::PollExit(pid_)) {
      if (IsReady(&server)) return true;
      ::poll(nullptr, 0, 10);
    }
    return false;
  }
  // A replica is when it is in step with its primary.
  bool IsReady(RedisServer* server) {
    const base::MonotonicTime soon = clock_.Monotonic() + std::chrono::seconds(1);
    if (arguments_.empty()) return server->Do({"PING"}, soon).ok();
    return server
        ->Do({"EVAL",
              "if string.find(redis.call('INFO', 'replication'), 'master_link_status:up') then "
              "return 1 end return redis.error_reply('NOT in step')",
              "0"},
             soon)
        .ok();
  }

  os::SystemClock clock_;
  const base::testing::ScratchFolder scratch_{"leeward-redis-XXXXXX"};
  const std::string folder_ = scratch_.path();
  std::vector<std::string> arguments_;
  int port_ = 0;
  pid_t pid_ = 0;
};

}  // namespace leeward::sessions::testing
