#include "lab/services/elasticache_engine.h"

#include <fmt/format.h>

#include <csignal>
#include <fstream>
#include <system_error>

namespace leeward::lab::elasticache {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSunPath = 107;  // sockaddr_un's path, without its closing zero
constexpr std::string_view kData = "dump.rdb";

// What ElastiCache keeps from its customers, too.
constexpr std::string_view kRestricted =
    "-acl|deluser -acl|getuser -acl|list -acl|load -acl|log -acl|save -acl|setuser -acl|users "
    "-bgrewriteaof -bgsave -cluster -config -debug -failover -migrate -module -psync -replconf "
    "-replicaof -save -shutdown -slaveof -sync";

constexpr std::string_view kFixedSettings =
    "port 0\n"
    "unixsocketperm 777\n"
    "daemonize no\n"
    "save \"\"\n"  // a cache node writes snapshots when it is told to
    "appendonly no\n"
    "stop-writes-on-bgsave-error no\n"
    "maxmemory-policy volatile-lru\n"
    "repl-diskless-sync yes\n"
    "repl-diskless-sync-delay 0\n"
    "repl-ping-replica-period 1\n"  // so that an idle link and a dead one can be told apart
    "repl-timeout 15\n"
    "client-output-buffer-limit replica 256mb 64mb 60\n"
    "crash-memcheck-enabled no\n"
    "logfile \"\"\n";

base::Status WriteFile(const fs::path& path, std::string_view text) {
  std::ofstream out(path, std::ios::trunc | std::ios::binary);
  std::error_code ignored;
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write, ignored);
  out << text;
  out.close();
  if (!out) return base::Exhausted(fmt::format("cannot write {}", path.string()));
  return base::Ok();
}

RedisCommand FollowCommand(const std::optional<Upstream>& upstream) {
  if (!upstream) return {"REPLICAOF", "NO", "ONE"};
  return {"REPLICAOF", upstream->host, std::to_string(upstream->port)};
}

}  // namespace

base::Status CheckSocketRoom(const fs::path& directory) {
  const std::size_t length = (directory / "01234567" / "redis.sock").string().size();
  if (length <= kSunPath) return base::Ok();
  return base::Invalid(
      fmt::format("the lab's state directory makes socket paths {} characters too long at {}; "
                  "choose a shorter --state",
                  length - kSunPath, directory.string()));
}

Engine::Engine(Host& host, fs::path directory, std::string secret)
    : host_(host), directory_(std::move(directory)), secret_(std::move(secret)) {}

Engine::~Engine() {
  if (child_) host_.Signal(*child_, SIGKILL);
}

std::string Engine::Configuration() const {
  std::string text(kFixedSettings);
  text += fmt::format("dir \"{}\"\nunixsocket \"{}\"\ndbfilename {}\n", directory_.string(),
                      socket().string(), kData);
  text += fmt::format("user default on nopass ~* &* +@all {}\n", kRestricted);
  text += fmt::format("user {} on >{} ~* &* +@all\n", kAdminUser, secret_);
  text += fmt::format("masteruser {}\nmasterauth {}\n", kAdminUser, secret_);
  if (upstream_) text += fmt::format("replicaof {} {}\n", upstream_->host, upstream_->port);
  return text;
}

base::Status Engine::Prepare(const fs::path& snapshot) {
  std::error_code error;
  fs::create_directories(directory_, error);
  if (error) {
    return base::Exhausted(fmt::format("cannot make {}: {}", directory_.string(), error.message()));
  }
  fs::remove(socket(), error);
  fs::remove(directory_ / kData, error);
  if (!snapshot.empty()) {
    fs::copy_file(snapshot, directory_ / kData, fs::copy_options::overwrite_existing, error);
    if (error) {
      return base::NotFound(fmt::format("cannot copy {}: {}", snapshot.string(), error.message()));
    }
    RETURN_IF_ERROR(host_.GiveToEngine(directory_ / kData));
  }
  RETURN_IF_ERROR(WriteFile(directory_ / "redis.conf", Configuration()));
  RETURN_IF_ERROR(host_.GiveToEngine(directory_ / "redis.conf"));
  return host_.GiveToEngine(directory_);
}

Flow<base::Status> Engine::StartOnce(fs::path snapshot) {
  base::Status prepared = Prepare(snapshot);
  if (!prepared.ok()) co_return prepared;
  ChildSpec spec;
  spec.argv = {std::string(kRedisServer), (directory_ / "redis.conf").string()};
  spec.directory = directory_;
  spec.log = directory_ / "redis.log";
  stopping_ = true;  // an end before it is ready is ours to report, not a crash
  auto spawned = host_.Spawn(spec, [weak = weak_from_this()](ExitStatus status) {
    if (auto self = weak.lock()) self->Exited(status);
  });
  if (!spawned.ok()) co_return std::move(spawned).error().Context("starting Redis");
  child_ = *spawned;
  const base::MonotonicTime deadline = host_.clock().Monotonic() + limits.start;
  while (running()) {
    std::vector<RedisCommand> ping(1, RedisCommand(1, "PING"));
    const base::Result<std::string> answer = co_await Ask(std::move(ping));
    if (answer.ok() && running()) {
      stopping_ = false;
      co_return base::Ok();
    }
    if (host_.clock().Monotonic() > deadline) {
      host_.Signal(*child_, SIGKILL);
      co_return base::Unreachable("Redis did not become ready in time");
    }
    co_await Sleep(host_, limits.poll);
  }
  co_return base::ServiceBroken("Redis ended while starting; see " + spec.log.string());
}

Flow<base::Status> Engine::Start(std::optional<Upstream> upstream, fs::path snapshot) {
  upstream_ = std::move(upstream);
  base::Status outcome = base::Ok();
  for (int attempt = 0; attempt < limits.start_attempts; ++attempt) {
    outcome = co_await StartOnce(snapshot);
    if (outcome.ok() || running()) break;
    co_await Sleep(host_, limits.look);
  }
  co_return outcome;
}

void Engine::Exited(ExitStatus status) {
  child_.reset();
  if (!stopping_ && crashed_) crashed_(status);
}

Flow<bool> Engine::WaitForExit(base::Duration bound) {
  const base::MonotonicTime deadline = host_.clock().Monotonic() + bound;
  while (running() && host_.clock().Monotonic() < deadline) co_await Sleep(host_, limits.poll);
  co_return !running();
}

Flow<base::Status> Engine::Stop() {
  stopping_ = true;
  for (const int signal : {SIGTERM, SIGKILL}) {
    if (!running()) co_return base::Ok();
    host_.Signal(*child_, signal);
    const bool ended = co_await WaitForExit(limits.stop);
    if (ended) co_return base::Ok();
  }
  co_return base::ServiceBroken("Redis did not end although it was killed");
}

void Engine::Kill() {
  if (child_) host_.Signal(*child_, SIGKILL);
}

Flow<base::Result<std::string>> Engine::Ask(std::vector<RedisCommand> commands) {
  auto asked = Offload<base::Result<std::string>>(
      host_,
      [target = Target(), commands = std::move(commands)] { return AskRedis(target, commands); });
  co_return co_await asked;
}

Flow<base::Result<RedisInfo>> Engine::Info() {
  std::vector<RedisCommand> commands(1, RedisCommand(1, "INFO"));
  const base::Result<std::string> text = co_await Ask(std::move(commands));
  if (!text.ok()) co_return text.error();
  co_return ParseInfo(*text);
}

Flow<base::Status> Engine::Follow(std::optional<Upstream> upstream) {
  if (!running()) co_return base::WrongState("Redis is not running");
  std::vector<RedisCommand> commands(1, FollowCommand(upstream));
  const base::Result<std::string> answer = co_await Ask(std::move(commands));
  if (!answer.ok()) co_return answer.error();
  upstream_ = upstream;
  co_return base::Ok();
}

Flow<base::Status> Engine::WaitInSync(base::Duration bound) {
  const base::MonotonicTime deadline = host_.clock().Monotonic() + bound;
  while (running()) {
    const base::Result<RedisInfo> info = co_await Info();
    if (info.ok() && (InfoIs(*info, "role", "master") || InfoIs(*info, "master_link_status", "up")))
      co_return base::Ok();
    if (host_.clock().Monotonic() > deadline) {
      co_return base::Unreachable("the node did not get a copy of its primary's data in time");
    }
    co_await Sleep(host_, limits.look);
  }
  co_return base::ServiceBroken("Redis ended while it was copying its primary's data");
}

Flow<base::Status> Engine::SaveTo(fs::path file) {
  const base::MonotonicTime deadline = host_.clock().Monotonic() + limits.save;
  base::Result<std::string> asked = base::WrongState("Redis is not running");
  while (running() && host_.clock().Monotonic() < deadline) {
    std::vector<RedisCommand> commands(1, RedisCommand(1, "BGSAVE"));
    asked = co_await Ask(std::move(commands));
    if (asked.ok()) break;
    co_await Sleep(host_, limits.look);  // it may be writing a copy for a replica
  }
  if (!asked.ok()) co_return asked.error();
  while (running() && host_.clock().Monotonic() < deadline) {
    const base::Result<RedisInfo> info = co_await Info();
    if (info.ok() && InfoNumber(*info, "rdb_bgsave_in_progress", 1) == 0) {
      if (!InfoIs(*info, "rdb_last_bgsave_status", "ok")) break;
      std::error_code error;
      fs::rename(directory_ / kData, file, error);
      if (!error) co_return base::Ok();
      co_return base::ServiceBroken("cannot keep the snapshot: " + error.message());
    }
    co_await Sleep(host_, limits.look);
  }
  co_return base::ServiceBroken("Redis did not write a snapshot");
}

Flow<base::Status> Engine::Remove() {
  auto removed = Offload<base::Status>(host_, [directory = directory_]() -> base::Status {
    std::error_code error;
    fs::remove_all(directory, error);
    if (!error) return base::Ok();
    return base::ServiceBroken("cannot remove " + directory.string() + ": " + error.message());
  });
  co_return co_await removed;
}

}  // namespace leeward::lab::elasticache
