// Engine: one Redis server of the lab, a cache node's.
//
// It knows nothing of the ElastiCache API. The server listens on a Unix socket only; the lab's
// network gives it its public address. It keeps its data in memory alone, as a cache node does: a
// server that ended comes back empty, and fills itself from the one it follows. All waits are
// bounded.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "lab/core/service.h"
#include "lab/services/elasticache_redis.h"
#include "lab/services/flow.h"

namespace leeward::lab::elasticache {

inline constexpr std::string_view kRedisServer = "/usr/bin/redis-server";

// Whom a replica follows.
struct Upstream {
  std::string host;
  std::uint16_t port = 0;
  friend bool operator==(const Upstream&, const Upstream&) = default;
};

struct EngineLimits {
  base::Duration start{60'000'000'000};  // loading a snapshot included
  base::Duration stop{5'000'000'000};
  base::Duration save{600'000'000'000};
  base::Duration poll{5'000'000};
  base::Duration look{50'000'000};  // between looks at what takes long: a sync, a snapshot
  int start_attempts = 3;
};

class Engine : public std::enable_shared_from_this<Engine> {
 public:
  // `directory` is this server's own; its path must leave room for a Unix socket's name. All
  // servers of a replication group share the secret.
  Engine(Host& host, std::filesystem::path directory, std::string secret);
  ~Engine();

  std::filesystem::path socket() const { return directory_ / "redis.sock"; }
  bool running() const { return child_.has_value(); }
  const std::optional<Upstream>& upstream() const { return upstream_; }
  RedisTarget Target() const { return {socket().string(), secret_}; }
  // Called when the server ends although nobody asked it to.
  void OnCrash(std::function<void(ExitStatus)> crashed) { crashed_ = std::move(crashed); }

  // Starts it empty or, when `snapshot` is not, with that file's data; following `upstream`, if
  // any, from its first moment. Done when it answers.
  Flow<base::Status> Start(std::optional<Upstream> upstream, std::filesystem::path snapshot = {});
  Flow<base::Status> Stop();
  // Ends it at once; it counts as a crash.
  void Kill();
  // Follows another server from now on, or leads. Done when the server has taken the order.
  Flow<base::Status> Follow(std::optional<Upstream> upstream);
  // Waits until it has a full copy of its upstream's data; at once for one that leads.
  Flow<base::Status> WaitInSync(base::Duration bound);
  // Writes a snapshot of the running server to `file`, replacing it.
  Flow<base::Status> SaveTo(std::filesystem::path file);
  Flow<base::Result<std::string>> Ask(std::vector<RedisCommand> commands);
  Flow<base::Result<RedisInfo>> Info();
  // Removes the directory of a stopped server.
  Flow<base::Status> Remove();

  EngineLimits limits;

 private:
  Flow<base::Status> StartOnce(std::filesystem::path snapshot);
  Flow<bool> WaitForExit(base::Duration bound);
  base::Status Prepare(const std::filesystem::path& snapshot);
  std::string Configuration() const;
  void Exited(ExitStatus status);

  Host& host_;
  std::filesystem::path directory_;
  std::string secret_;
  std::optional<Upstream> upstream_;
  std::optional<ChildId> child_;
  bool stopping_ = false;
  std::function<void(ExitStatus)> crashed_;
};

// kInvalid when the path is too long for a Unix socket below it.
base::Status CheckSocketRoom(const std::filesystem::path& directory);

}  // namespace leeward::lab::elasticache
