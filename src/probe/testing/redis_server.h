// RedisServer: a real server on a free loopback port, in a folder of its own, for tests.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/testing/scratch_folder.h"
#include "os/clock.h"
#include "os/process.h"
#include "os/random.h"
#include "probe/dns.h"
#include "probe/redis.h"
#include "probe/testing/small_servers.h"

namespace leeward::probe::testing {

class RedisServer {
 public:
  explicit RedisServer(const std::string& password = "") : password_(password) {
    // Another process may take the port between its choice and the start.
    for (int tries = 0; tries < 5 && !Start(); ++tries) {
    }
    CHECK_MSG(pid_ > 0, "redis-server could not be started");
  }
  ~RedisServer() { Stop(); }
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  RedisAddress Address() const {
    return {.host = "127.0.0.1", .port = port_, .password = password_, .source_address = ""};
  }
  int port() const { return port_; }
  // SIGKILL, as a lost Region.
  void Stop() {
    if (pid_ <= 0) return;
    CHECK(os::KillTrees({pid_}, std::chrono::seconds(10)).ok());
    pid_ = 0;
  }
  RedisReply Do(const std::vector<std::string>& words) {
    const auto reply = Session()->Command(words, clock_.Monotonic() + std::chrono::seconds(10));
    CHECK_MSG(reply.ok(), reply.ok() ? "" : reply.error().message().c_str());
    return *reply;
  }
  void Follow(const RedisServer& source) {
    Do({"REPLICAOF", "127.0.0.1", std::to_string(source.port())});
  }
  void FollowNobody() { Do({"REPLICAOF", "NO", "ONE"}); }
  void AwaitLinked() {
    const auto session = Session();
    const base::MonotonicTime until = clock_.Monotonic() + std::chrono::seconds(20);
    while (!ReadStanding(*session, until)->linked) CHECK(clock_.Monotonic() < until);
  }
  std::unique_ptr<RedisSession> Session() {
    auto session = RedisSession::Open(Address(), resolver_,
                                      clock_.Monotonic() + std::chrono::seconds(10), clock_);
    CHECK_MSG(session.ok(), session.ok() ? "" : session.error().message().c_str());
    return *std::move(session);
  }

 private:
  bool Start() {
    port_ = BoundSocket(SOCK_STREAM, "127.0.0.1").port();
    os::ProcessSpec spec;
    spec.argv = {"/usr/bin/redis-server",
                 "--port",
                 std::to_string(port_),
                 "--bind",
                 "127.0.0.1",
                 "--save",
                 "",
                 "--appendonly",
                 "no",
                 "--dir",
                 folder_.path(),
                 "--repl-diskless-sync-delay",
                 "0"};
    if (!password_.empty()) spec.argv.insert(spec.argv.end(), {"--requirepass", password_});
    auto started = os::StartProcess(spec);
    CHECK_MSG(started.ok(), "redis-server is not installed");
    pid_ = *started;
    const base::MonotonicTime until = clock_.Monotonic() + std::chrono::seconds(20);
    while (clock_.Monotonic() < until) {
      if (os::PollExit(pid_)) return pid_ = 0, false;
      const auto session = RedisSession::Open(
          Address(), resolver_, clock_.Monotonic() + std::chrono::milliseconds(200), clock_);
      if (session.ok()) return true;
    }
    return false;
  }

  const std::string password_;
  const base::testing::ScratchFolder folder_{"leeward-redis-XXXXXX"};  // a replica writes into it
  int port_ = 0;
  pid_t pid_ = 0;
  os::SystemClock clock_;
  os::SystemRandom random_;
  Resolver resolver_{{.servers = {{"127.0.0.1", 9}}}, clock_, random_};
};

}  // namespace leeward::probe::testing
