// EtcdCluster: real etcd servers on loopback in a folder of their own, for tests.
#pragma once

#include <poll.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/testing/scratch_folder.h"
#include "os/clock.h"
#include "os/curl_transport.h"
#include "os/process.h"
#include "os/socket.h"

namespace leeward::store::testing {

class EtcdCluster {
 public:
  // Started and with a leader when this returns.
  explicit EtcdCluster(int members) {
    // Between our choice of a port and etcd's use of it, another program may have taken it.
    for (int attempt = 0; attempt < 5; ++attempt) {
      if (Form(members)) return;
      Dissolve();
    }
    CHECK_NEVER("etcd ended five times while it started; is it installed, are ports left?");
  }
  ~EtcdCluster() { Dissolve(); }
  EtcdCluster(const EtcdCluster&) = delete;
  EtcdCluster& operator=(const EtcdCluster&) = delete;

  std::vector<std::string> Endpoints() const {
    std::vector<std::string> endpoints;
    for (const Member& member : members_) endpoints.push_back(Url(member.client_port));
    return endpoints;
  }

  // SIGKILL.
  void Kill(int index) {
    Member& member = At(index);
    if (member.pid <= 0) return;
    CHECK(os::KillTrees({member.pid}, std::chrono::seconds(10)).ok());
    member.pid = 0;
  }

  void Start(int index) {
    Member& member = At(index);
    const std::string name = "m" + std::to_string(index);
    os::ProcessSpec spec;
    spec.argv = {"/usr/bin/etcd",
                 "--name",
                 name,
                 "--data-dir",
                 root_ + "/" + name,
                 "--listen-client-urls",
                 Url(member.client_port),
                 "--advertise-client-urls",
                 Url(member.client_port),
                 "--listen-peer-urls",
                 Url(member.peer_port),
                 "--initial-advertise-peer-urls",
                 Url(member.peer_port),
                 "--initial-cluster",
                 Cluster(),
                 "--initial-cluster-state",
                 "new",
                 "--initial-cluster-token",
                 root_,
                 "--heartbeat-interval",
                 "50",
                 "--election-timeout",
                 "500",
                 "--logger",
                 "zap",
                 "--log-level",
                 "error"};
    spec.environment = {{"PATH", "/usr/bin:/bin"}, {"HOME", root_}};
    spec.directory = root_;
    spec.output = LogPath(index);
    auto started = os::StartProcess(spec);
    CHECK_MSG(started.ok(), started.ok() ? "" : started.error().message().c_str());
    member.pid = *started;
  }

  void AwaitHealthy(int index) {
    CHECK_MSG(BecomesHealthy(index), ("etcd ended while it started: " + Log(index)).c_str());
  }

  ports::HttpTransport& transport() { return *transport_; }
  const ports::Clock& clock() const { return clock_; }

 private:
  struct Member {
    int client_port = 0;
    int peer_port = 0;
    pid_t pid = 0;
  };
  static constexpr const char* kHost = "127.83.0.1";

  Member& At(int index) { return members_.at(static_cast<std::size_t>(index)); }
  static std::string Url(int port) {
    return std::string("http://") + kHost + ":" + std::to_string(port);
  }
  // False when a member has ended instead.
  bool Form(int members) {
    scratch_.emplace("leeward-etcd-XXXXXX");
    root_ = scratch_->path();
    const std::vector<int> ports = FreePorts(2 * members);
    for (std::size_t i = 0; i < ports.size(); i += 2)
      members_.push_back({ports[i], ports[i + 1], 0});
    for (int i = 0; i < members; ++i) Start(i);
    for (int i = 0; i < members; ++i) {
      if (!BecomesHealthy(i)) return false;
    }
    return true;
  }
  void Dissolve() {
    for (std::size_t i = 0; i < members_.size(); ++i) Kill(static_cast<int>(i));
    members_.clear();
    scratch_.reset();
  }
  // Takes members that have ended by themselves off the process table.
  bool AnyEnded() {
    bool any = false;
    for (Member& member : members_) {
      if (member.pid <= 0 || !os::PollExit(member.pid)) continue;
      member.pid = 0;
      any = true;
    }
    return any;
  }
  // False when a member has ended instead.
  bool BecomesHealthy(int index) {
    const base::MonotonicTime until = clock_.Monotonic() + std::chrono::seconds(60);
    while (clock_.Monotonic() < until) {
      if (AnyEnded()) return false;
      ports::HttpRequest request;
      request.url = Url(At(index).client_port) + "/health";
      const auto answer = transport_->Send(request, ports::HttpLimits{});
      if (answer.ok() && answer->body.find("\"true\"") != std::string::npos) return true;
      ::poll(nullptr, 0, 20);
    }
    CHECK_NEVER(("etcd did not come up within 60 s: " + Log(index)).c_str());
  }
  std::string LogPath(int index) const { return root_ + "/m" + std::to_string(index) + ".log"; }
  std::string Log(int index) const {
    std::ifstream file(LogPath(index));
    return {std::istreambuf_iterator<char>(file), {}};
  }

  // etcd cannot be told to choose a port itself. All are held until the last is found: the kernel
  // may offer again what was let go.
  static std::vector<int> FreePorts(int count) {
    std::vector<int> listening;
    std::vector<int> ports;
    for (int i = 0; i < count; ++i) {
      const auto one = os::Listen({.host = kHost});
      CHECK(one.ok());
      listening.push_back(*one);
      ports.push_back(os::LocalAddress(*one).port);
    }
    for (const int one : listening) ::close(one);
    return ports;
  }
  std::string Cluster() const {
    std::string cluster;
    for (std::size_t i = 0; i < members_.size(); ++i) {
      cluster += (i == 0 ? "m" : ",m") + std::to_string(i) + "=" + Url(members_[i].peer_port);
    }
    return cluster;
  }

  std::optional<base::testing::ScratchFolder> scratch_;
  std::string root_;
  std::vector<Member> members_;
  os::SystemClock clock_;
  std::unique_ptr<ports::HttpTransport> transport_ = os::MakeCurlTransport({});
};

}  // namespace leeward::store::testing
