#include "lab/services/rds_postgres.h"

#include <fmt/format.h>

#include <csignal>
#include <fstream>
#include <sstream>
#include <system_error>

namespace leeward::lab::rds {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kLogFile = "pg_wal.tar.gz";
constexpr int kStatusLine = 8;  // of postmaster.pid

std::vector<std::string> FileLines(const fs::path& path) {
  std::ifstream in(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
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

}  // namespace

std::string PostgresEngine::Tool(std::string_view name) {
  return fmt::format("{}/{}", kPostgresBin, name);
}

// An immediate stop also gives the server's System V memory back; the next start replays the log.
PostgresEngine::PostgresEngine(Host& host, fs::path directory, Secrets secrets)
    : Engine(host, std::move(directory), std::move(secrets), "PostgreSQL",
             {.abandon = SIGQUIT, .stop = {SIGINT, SIGQUIT, SIGKILL}}) {}

SqlTarget PostgresEngine::Target(std::string database) const {
  return {.socket_directory = directory_.string(),
          .user = std::string(kAdminUser),
          .password = secrets_.admin,
          .database = std::move(database)};
}

std::vector<std::pair<std::string, std::string>> PostgresEngine::ToolEnvironment() const {
  return {{"PGPASSWORD", secrets_.replication}};
}

Flow<base::Status> PostgresEngine::CloneFrom(Upstream upstream, FetchBackup /*fetch*/) {
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
  if (prepared.ok()) prepared = MakeDirectory(backup);
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
    argv = {"/bin/tar", "-czf", (backup / kBackupFile).string(), "-C", data().string(), "."};
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
  std::vector<std::string> argv = {"/bin/tar", "-xzf", (backup / kBackupFile).string(), "-C",
                                   data().string()};
  outcome = co_await RunTool(std::move(argv), "unpacking the backup");
  const fs::path log = backup / kLogFile;
  if (!outcome.ok() || !fs::exists(log, error)) co_return outcome;
  argv = {"/bin/tar", "-xzf", log.string(), "-C", (data() / "pg_wal").string()};
  co_return co_await RunTool(std::move(argv), "unpacking the backup's log");
}

namespace {

// Connections are let in only after the end of recovery, so that "ready" says that it has ended.
std::string RecoverySettings(const Recovery& recovery) {
  std::string text =
      fmt::format("hot_standby = off\nrestore_command = {}\nrecovery_target_timeline = 'current'\n",
                  QuoteLiteral(fmt::format("cp \"{}/%f\" \"%p\"", recovery.log.string())));
  if (recovery.until) {
    const auto micros =
        std::chrono::duration_cast<std::chrono::microseconds>(recovery.until->since_epoch).count();
    text +=
        fmt::format("recovery_target_time = '{}.{:06}+00'\nrecovery_target_action = 'promote'\n",
                    base::FormatIso8601(*recovery.until)
                        .substr(0, std::string_view("2026-11-23T08:20:53").size()),
                    micros % 1'000'000);
  }
  return text;
}

}  // namespace

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
  if (config.recovery) {
    text += RecoverySettings(*config.recovery);
    RETURN_IF_ERROR(WriteFile(data() / "recovery.signal", ""));
    RETURN_IF_ERROR(host_.GiveToEngine(data() / "recovery.signal"));
  }
  const fs::path file = data() / "leeward.conf";
  RETURN_IF_ERROR(WriteFile(file, text));
  return host_.GiveToEngine(file);
}

ChildSpec PostgresEngine::ServerCommand() const {
  ChildSpec spec;
  spec.argv = {Tool("postgres"), "-D", data().string()};
  spec.environment = {{"LC_ALL", "C.UTF-8"}};
  spec.directory = directory_;
  spec.log = directory_ / "postgresql.log";
  return spec;
}

void PostgresEngine::BeforeStart() { ForgetReadiness(data() / "postmaster.pid"); }

bool PostgresEngine::IsReady() { return AcceptsConnections(data() / "postmaster.pid"); }

bool PostgresEngine::IsStandby() const {
  std::error_code ignored;
  return fs::exists(data() / "standby.signal", ignored);
}

Flow<base::Status> PostgresEngine::Reload() {
  SignalServer(SIGHUP);
  co_return base::Ok();
}

Flow<base::Status> PostgresEngine::Promote() {
  if (!running()) co_return base::WrongState("PostgreSQL is not running");
  // A reader on the standby must not hold up what is left to replay.
  std::ofstream(data() / "leeward.conf", std::ios::app)
      << "max_standby_streaming_delay = 0\nmax_standby_archive_delay = 0\n";
  SignalServer(SIGHUP);
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

Flow<base::Result<Rows>> PostgresEngine::Sql(std::vector<std::string> statements) {
  auto asked =
      Offload<base::Result<Rows>>(host_, [target = Target(), statements = std::move(statements)] {
        return RunSql(target, statements);
      });
  co_return co_await asked;
}

}  // namespace leeward::lab::rds
