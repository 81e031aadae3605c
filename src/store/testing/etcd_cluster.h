// EtcdCluster: real etcd servers on loopback in a folder of their own, for tests.
#pragma once

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "os/clock.h"
#include "os/curl_transport.h"
#include "os/process.h"
#include "os/socket.h"

namespace leeward::store::testing {

class EtcdCluster {
 public:
  // Started and with a leader when this returns.
  explicit EtcdCluster(int members) {
    std::string pattern = (std::filesystem::temp_directory_path() / "leeward-etcd-XXXXXX").string();
    CHECK(::mkdtemp(pattern.data()) != nullptr);
    root_ = pattern;
    for (int i = 0; i < members; ++i) members_.push_back({FreePort(), FreePort(), 0});
    for (int i = 0; i < members; ++i) Start(i);
    for (int i = 0; i < members; ++i) AwaitHealthy(i);
  }
  ~EtcdCluster() {
    for (std::size_t i = 0; i < members_.size(); ++i) Kill(static_cast<int>(i));
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }
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
    spec.output = root_ + "/" + name + ".log";
    auto started = os::StartProcess(spec);
    CHECK_MSG(started.ok(), started.ok() ? "" : started.error().message().c_str());
    member.pid = *started;
  }

  void AwaitHealthy(int index) {
    const base::MonotonicTime until = clock_.Monotonic() + std::chrono::seconds(60);
    while (clock_.Monotonic() < until) {
      ports::HttpRequest request;
      request.url = Url(At(index).client_port) + "/health";
      const auto answer = transport_->Send(request, ports::HttpLimits{});
      if (answer.ok() && answer->body.find("\"true\"") != std::string::npos) return;
      ::poll(nullptr, 0, 20);
    }
    CHECK_MSG(false, "etcd did not come up");
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
  // etcd cannot be told to choose a port itself.
  static int FreePort() {
    const auto listening = os::Listen({.host = kHost});
    CHECK(listening.ok());
    const int port = os::LocalAddress(*listening).port;
    ::close(*listening);
    return port;
  }
  std::string Cluster() const {
    std::string cluster;
    for (std::size_t i = 0; i < members_.size(); ++i) {
      cluster += (i == 0 ? "m" : ",m") + std::to_string(i) + "=" + Url(members_[i].peer_port);
    }
    return cluster;
  }

  std::string root_;
  std::vector<Member> members_;
  os::SystemClock clock_;
  std::unique_ptr<ports::HttpTransport> transport_ = os::MakeCurlTransport({});
};

}  // namespace leeward::store::testing
