#include "lab/services/rds_postgres.h"

#include <fmt/format.h>

#include <csignal>
#include <fstream>
#include <sstream>
#include <system_error>

namespace leeward::lab::rds {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSunPath = 107;  // sockaddr_un's path, without its closing zero
constexpr int kStatusLine = 8;         // of postmaster.pid

std::string Tool(std::string_view name) { return fmt::format("{}/{}", kPostgresBin, name); }

std::vector<std::string> FileLines(const fs::path& path) {
  std::ifstream in(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

base::Status WriteFile(const fs::path& path, std::string_view text) {
  std::ofstream out(path, std::ios::trunc | std::ios::binary);
  out << text;
  out.close();
  if (!out) return base::Exhausted(fmt::format("cannot write {}", path.string()));
  std::error_code ignored;
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write, ignored);
  return base::Ok();
}

// The pid file of a server that was killed still says "ready"; without that line it is a lock only.
void ForgetReadiness(const fs::path& pid_file) {
  std::vector<std::string> lines = FileLines(pid_file);
  if (lines.size() < kStatusLine) return;
  lines.resize(kStatusLine - 1);
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  std::ofstream(pid_file, std::ios::trunc) << text;
}

bool AcceptsConnections(const fs::path& pid_file) {
  const std::vector<std::string> lines = FileLines(pid_file);
  return lines.size() >= kStatusLine && lines[kStatusLine - 1].starts_with("ready");
}

std::string ConnectionInfo(const Upstream& upstream, const Secrets& secrets,
                           std::string_view application_name) {
  // The time-outs let a standby notice a dark source; none of them holds up a promotion.
  return fmt::format(
      "host={} port={} user={} password={} connect_timeout=5 keepalives_idle=5 "
      "keepalives_interval=2 "
      "keepalives_count=3 tcp_user_timeout=10000 sslmode=disable gssencmode=disable "
      "application_name={}",
      upstream.host, upstream.port, kReplicationUser, secrets.replication, application_name);
}

constexpr std::string_view kFixedSettings =
    "listen_addresses = ''\n"
    "unix_socket_permissions = 0777\n"
    "superuser_reserved_connections = 3\n"
    "shared_buffers = 32MB\n"
    "huge_pages = off\n"
    "max_worker_processes = 8\n"
    "dynamic_shared_memory_type = mmap\n"  // a killed server leaves nothing in /dev/shm
    "wal_level = replica\n"
    "max_wal_senders = 20\n"
    "max_replication_slots = 20\n"
    "max_slot_wal_keep_size = -1\n"
    "min_wal_size = 32MB\n"
    "wal_sender_timeout = 30s\n"
    "wal_receiver_timeout = 30s\n"
    "wal_receiver_status_interval = 1s\n"
    "wal_retrieve_retry_interval = 100ms\n"  // at 5 s, one promotion in five right after a loss
                                             // stalls
    "hot_standby = on\n"
    "hot_standby_feedback = off\n"
    "password_encryption = 'scram-sha-256'\n"
    "logging_collector = off\n"
    "log_line_prefix = '%t:%r:%u@%d:[%p]:'\n"
    "log_timezone = 'UTC'\n"
    "timezone = 'UTC'\n";

using SharedConnection = std::shared_ptr<std::unique_ptr<SqlConnection>>;

// Never a waiting pg_promote(): its own snapshot can hold up the replay that it waits for.
Await<base::Status> AskToPromote(Host& host, SqlTarget target, SharedConnection connection) {
  return Offload<base::Status>(
      host, [target = std::move(target), connection = std::move(connection)]() -> base::Status {
        ASSIGN_OR_RETURN(*connection, SqlConnection::Open(target));
        const base::Result<Rows> answer =
            (*connection)
                ->Query("SELECT CASE WHEN pg_is_in_recovery() THEN pg_promote(wait => false) END");
        if (!answer.ok()) return answer.error();
        return base::Ok();
      });
}

Await<bool> LeftRecovery(Host& host, SqlTarget target, SharedConnection connection) {
  return Offload<bool>(host, [target = std::move(target), connection = std::move(connection)] {
    if (*connection == nullptr) {
      auto opened = SqlConnection::Open(target);
      if (!opened.ok()) return false;
      *connection = std::move(opened).value();
    }
    const base::Result<Rows> answer = (*connection)->Query("SELECT pg_is_in_recovery()");
    if (!answer.ok()) connection->reset();
    return answer.ok() && !answer->empty() && answer->front().front() == "f";
  });
}

Await<base::Status> RemoveTree(Host& host, fs::path directory) {
  return Offload<base::Status>(host, [directory = std::move(directory)]() -> base::Status {
    std::error_code error;
    fs::remove_all(directory, error);
    if (!error) return base::Ok();
    return base::ServiceBroken("cannot remove " + directory.string() + ": " + error.message());
  });
}

}  // namespace

base::Status CheckSocketRoom(const fs::path& directory) {
  const std::size_t length = (directory / "01234567" / ".s.PGSQL.5432").string().size();
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

PostgresEngine::PostgresEngine(Host& host, fs::path directory, Secrets secrets)
    : host_(host), directory_(std::move(directory)), secrets_(std::move(secrets)) {}

PostgresEngine::~PostgresEngine() {
  // An immediate stop also gives its System V memory back; the next start replays the log.
  if (child_) host_.Signal(*child_, SIGQUIT);
}

SqlTarget PostgresEngine::Target(std::string database) const {
  return {.socket_directory = directory_.string(),
          .user = std::string(kAdminUser),
          .password = secrets_.admin,
          .database = std::move(database)};
}

base::Status PostgresEngine::PrepareDirectory() {
  std::error_code error;
  fs::create_directories(directory_, error);
  if (error) {
    return base::Exhausted(fmt::format("cannot make {}: {}", directory_.string(), error.message()));
  }
  return host_.GiveToEngine(directory_);
}

Flow<base::Status> PostgresEngine::RunTool(std::vector<std::string> argv, std::string what) {
  ChildSpec spec;
  spec.argv = std::move(argv);
  spec.environment = {{"PGPASSWORD", secrets_.replication}, {"LC_ALL", "C.UTF-8"}};
  spec.directory = directory_;
  spec.log = directory_ / "tool.log";
  const base::Result<ExitStatus> ended = co_await RunChild(host_, std::move(spec));
  if (!ended.ok()) co_return base::Error(ended.error()).Context(what);
  if (ended->code == 0) co_return base::Ok();
  co_return base::ServiceBroken(fmt::format("{} ended with {}; see {}", what,
                                            ended->signal != 0
                                                ? fmt::format("signal {}", ended->signal)
                                                : fmt::format("code {}", ended->code),
                                            (directory_ / "tool.log").string()));
}

Flow<base::Status> PostgresEngine::EmptyData() {
  base::Status prepared = PrepareDirectory();
  if (!prepared.ok()) co_return prepared;
  const fs::path old = data();
  co_return co_await RemoveTree(host_, old);
}

Flow<base::Status> PostgresEngine::CopyFrom(fs::path cluster) {
  base::Status emptied = co_await EmptyData();
  if (!emptied.ok()) co_return emptied;
  std::vector<std::string> argv = {"/bin/cp", "-a", "--reflink=auto", cluster.string(),
                                   data().string()};
  co_return co_await RunTool(std::move(argv), "copying a cluster");
}

Flow<base::Status> PostgresEngine::CloneFrom(Upstream upstream) {
  base::Status outcome = base::Ok();
  for (int attempt = 0; attempt < limits.copy_attempts; ++attempt) {
    outcome = co_await EmptyData();
    if (!outcome.ok()) co_return outcome;
    // The password travels in the environment, where other users of the machine cannot read it.
    Secrets without;
    std::string connection = ConnectionInfo(upstream, without, "pg_basebackup");
    connection.erase(connection.find("password= "), std::string_view("password= ").size());
    std::vector<std::string> argv = {Tool("pg_basebackup"), "-d", connection, "-D",
                                     data().string(),       "-X", "stream",   "-S",
                                     upstream.slot,         "-c", "fast",     "--no-sync"};
    // A link between Regions is narrow: compressed there, unpacked here.
    if (!upstream.host.starts_with('/')) argv.emplace_back("--compress=server-lz4");
    outcome = co_await RunTool(std::move(argv), "the base backup");
    if (outcome.ok()) break;
    co_await Sleep(host_, limits.start_retry);
  }
  co_return outcome;
}

Flow<base::Status> PostgresEngine::BackUpTo(fs::path backup) {
  base::Status prepared = PrepareDirectory();
  std::error_code error;
  fs::create_directories(backup, error);
  if (prepared.ok() && error) prepared = base::Exhausted("cannot make " + backup.string());
  if (prepared.ok()) prepared = host_.GiveToEngine(backup);
  if (!prepared.ok()) co_return prepared;
  std::vector<std::string> argv;
  if (running()) {
    argv = {Tool("pg_basebackup"),
            "-h",
            directory_.string(),
            "-U",
            std::string(kReplicationUser),
            "-D",
            backup.string(),
            "-F",
            "tar",
            "-X",
            "stream",
            "-c",
            "fast",
            "--compress=1",
            "--no-sync"};
  } else {
    argv = {"/bin/tar", "-czf", (backup / "base.tar.gz").string(), "-C", data().string(), "."};
  }
  co_return co_await RunTool(std::move(argv), "the backup");
}

Flow<base::Status> PostgresEngine::RestoreFrom(fs::path backup) {
  base::Status outcome = co_await EmptyData();
  if (!outcome.ok()) co_return outcome;
  std::error_code error;
  fs::create_directories(data() / "pg_wal", error);
  if (error) co_return base::Exhausted("cannot make " + data().string());
  fs::permissions(data(), fs::perms::owner_all, error);
  outcome = host_.GiveToEngine(data());
  if (outcome.ok()) outcome = host_.GiveToEngine(data() / "pg_wal");
  if (!outcome.ok()) co_return outcome;
  std::vector<std::string> argv = {"/bin/tar", "-xzf", (backup / "base.tar.gz").string(), "-C",
                                   data().string()};
  outcome = co_await RunTool(std::move(argv), "unpacking the backup");
  const fs::path log = backup / "pg_wal.tar.gz";
  if (!outcome.ok() || !fs::exists(log, error)) co_return outcome;
  argv = {"/bin/tar", "-xzf", log.string(), "-C", (data() / "pg_wal").string()};
  co_return co_await RunTool(std::move(argv), "unpacking the backup's log");
}

base::Status PostgresEngine::Configure(const EngineConfig& config) {
  std::string text(kFixedSettings);
  text += fmt::format("unix_socket_directories = {}\n", QuoteLiteral(directory_.string()));
  text += fmt::format("max_connections = {}\n", config.max_connections);
  for (const auto& [name, value] : config.parameters) {
    text += fmt::format("{} = {}\n", name, QuoteLiteral(value));
  }
  const fs::path signal = data() / "standby.signal";
  if (config.upstream) {
    text += fmt::format(
        "primary_conninfo = {}\nprimary_slot_name = {}\n",
        QuoteLiteral(ConnectionInfo(*config.upstream, secrets_, config.application_name)),
        QuoteLiteral(config.upstream->slot));
    RETURN_IF_ERROR(WriteFile(signal, ""));
    RETURN_IF_ERROR(host_.GiveToEngine(signal));
  } else {
    std::error_code ignored;
    fs::remove(signal, ignored);
  }
  const fs::path file = data() / "leeward.conf";
  RETURN_IF_ERROR(WriteFile(file, text));
  return host_.GiveToEngine(file);
}

Flow<base::Status> PostgresEngine::StartOnce() {
  const fs::path pid_file = data() / "postmaster.pid";
  ForgetReadiness(pid_file);
  ChildSpec spec;
  spec.argv = {Tool("postgres"), "-D", data().string()};
  spec.environment = {{"LC_ALL", "C.UTF-8"}};
  spec.directory = directory_;
  spec.log = directory_ / "postgresql.log";
  stopping_ = true;  // an end before it is ready is ours to report, not a crash
  auto spawned = host_.Spawn(spec, [weak = weak_from_this()](ExitStatus status) {
    if (auto self = weak.lock()) self->Exited(status);
  });
  if (!spawned.ok()) co_return std::move(spawned).error().Context("starting PostgreSQL");
  child_ = *spawned;
  const base::MonotonicTime deadline = host_.clock().Monotonic() + limits.start;
  while (running()) {
    if (AcceptsConnections(pid_file)) {
      stopping_ = false;
      co_return base::Ok();
    }
    if (host_.clock().Monotonic() > deadline) {
      host_.Signal(*child_, SIGQUIT);
      co_return base::Unreachable("PostgreSQL did not become ready in time");
    }
    co_await Sleep(host_, limits.poll);
  }
  co_return base::ServiceBroken("PostgreSQL ended while starting; see " + spec.log.string());
}

Flow<base::Status> PostgresEngine::Start() {
  base::Status outcome = base::Ok();
  for (int attempt = 0; attempt < limits.start_attempts; ++attempt) {
    outcome = co_await StartOnce();
    if (outcome.ok() || running()) break;
    co_await Sleep(host_, limits.start_retry);
  }
  co_return outcome;
}

void PostgresEngine::Exited(ExitStatus /*status*/) {
  child_.reset();
  if (!stopping_ && crashed_) crashed_();
}

Flow<bool> PostgresEngine::WaitForExit(base::Duration bound) {
  const base::MonotonicTime deadline = host_.clock().Monotonic() + bound;
  while (running() && host_.clock().Monotonic() < deadline) co_await Sleep(host_, limits.poll);
  co_return !running();
}

Flow<base::Status> PostgresEngine::Stop() {
  stopping_ = true;
  for (const int signal : {SIGINT, SIGQUIT, SIGKILL}) {
    if (!running()) co_return base::Ok();
    host_.Signal(*child_, signal);
    const bool ended = co_await WaitForExit(limits.fast_shutdown);
    if (ended) co_return base::Ok();
  }
  co_return base::ServiceBroken("PostgreSQL did not end although it was killed");
}

void PostgresEngine::Reload() {
  if (child_) host_.Signal(*child_, SIGHUP);
}

Flow<base::Status> PostgresEngine::Promote() {
  if (!running()) co_return base::WrongState("PostgreSQL is not running");
  // A reader on the standby must not hold up what is left to replay.
  std::ofstream(data() / "leeward.conf", std::ios::app)
      << "max_standby_streaming_delay = 0\nmax_standby_archive_delay = 0\n";
  Reload();
  auto connection = std::make_shared<std::unique_ptr<SqlConnection>>();
  base::Status asked = co_await AskToPromote(host_, Target(), connection);
  if (!asked.ok()) co_return asked;
  const base::MonotonicTime deadline = host_.clock().Monotonic() + limits.promote;
  while (host_.clock().Monotonic() < deadline) {
    const bool writable = co_await LeftRecovery(host_, Target(), connection);
    if (writable) co_return base::Ok();
    if (!running()) co_return base::ServiceBroken("PostgreSQL ended while it was promoted");
    co_await Sleep(host_, limits.poll);
  }
  co_return base::Unreachable("PostgreSQL did not leave recovery in time");
}

Flow<base::Result<Rows>> PostgresEngine::Sql(std::vector<std::string> statements,
                                             std::string database) {
  auto asked = Offload<base::Result<Rows>>(
      host_, [target = Target(std::move(database)), statements = std::move(statements)] {
        return RunSql(target, statements);
      });
  co_return co_await asked;
}

Flow<base::Status> PostgresEngine::Remove() {
  const fs::path directory = directory_;
  co_return co_await RemoveTree(host_, directory);
}

}  // namespace leeward::lab::rds
