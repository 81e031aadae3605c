#include "lab/services/rds_mariadb.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <csignal>
#include <fstream>
#include <system_error>

#include "base/bytes.h"
#include "lab/services/rds_binlog.h"
#include "lab/services/rds_gtid.h"

namespace leeward::lab::rds {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kServer = "/usr/sbin/mariadbd";
constexpr std::string_view kBackup = "/usr/bin/mariabackup";

// Durability is RDS's; sizes are for a machine that runs three Regions.
constexpr std::string_view kMariaDbSettings =
    "skip_networking\n"
    "skip_name_resolve\n"
    "proxy_protocol_networks = localhost\n"  // the lab's network says who connects
    "character_set_server = utf8mb4\n"
    "performance_schema = OFF\n"
    "innodb_buffer_pool_size = 32M\n"
    "innodb_log_file_size = 16M\n"
    "innodb_data_file_path = ibdata1:4M:autoextend\n"
    "innodb_temp_data_file_path = ibtmp1:4M:autoextend\n"
    "innodb_autoextend_increment = 4\n"
    "innodb_flush_log_at_trx_commit = 1\n"
    "aria_log_file_size = 8M\n"
    "aria_pagecache_buffer_size = 4M\n"
    "key_buffer_size = 1M\n";
constexpr std::string_view kMariaDbLogSettings =
    "log_bin = mysql-bin-changelog\n"  // kBinlogName
    "binlog_format = MIXED\n"
    "sync_binlog = 1\n"
    "binlog_expire_logs_seconds = 2592000\n"  // RDS gives a replica up that stood still for 30 days
    "log_slave_updates = ON\n"
    "gtid_strict_mode = ON\n"
    "relay_log = relaylog\n"
    "skip_slave_start\n"
    "slave_net_timeout = 10\n";  // a standby notices a dark source; it does not hold up a promotion

// A server's own for life, and never 0.
std::uint32_t ServerId(std::string_view name) {
  const std::string digest = base::Sha256Hex(name);
  return static_cast<std::uint32_t>(std::stoul(digest.substr(0, 8), nullptr, 16)) | 1U;
}

std::string Replicating(const Upstream& upstream, const Secrets& secrets) {
  return fmt::format(
      "CHANGE MASTER TO MASTER_HOST={}, MASTER_PORT={}, MASTER_USER={}, MASTER_PASSWORD={}, "
      "MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1, MASTER_HEARTBEAT_PERIOD=1",
      MariaDbLiteral(upstream.host), upstream.port, MariaDbLiteral(kReplicationUser),
      MariaDbLiteral(secrets.replication));
}

// As a file of settings has to say it, so that nothing in it means anything else.
std::string Quoted(const fs::path& path) {
  std::string text = "\"";
  for (const char c : path.string()) {
    if (c == '\\' || c == '"') text += '\\';
    text += c;
  }
  return text + '"';
}

// Whether a standby with this status applies nothing more of what it has received.
bool AppliesNoMore(const std::map<std::string, std::string>& status) {
  const auto text = [&status](const char* name) {
    const auto found = status.find(name);
    return found == status.end() ? std::string() : found->second;
  };
  return text("Slave_SQL_Running") != "Yes" || GtidCovers(text("Applied"), text("Gtid_IO_Pos"));
}

// A number, or a word such as "on", which means what it says only without quotes.
bool IsPlainWord(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_';
  });
}

}  // namespace

MariaDbEngine::MariaDbEngine(Host& host, fs::path directory, Secrets secrets, MariaDbFace face)
    : Engine(host, std::move(directory), std::move(secrets), "MariaDB",
             {.abandon = SIGKILL, .stop = {SIGTERM, SIGKILL, SIGKILL}}),
      face_(face) {}

MariaDbTarget MariaDbEngine::Target() const {
  MariaDbTarget target;
  target.socket = socket().string();
  target.user = kAdminUser;
  target.password = secrets_.admin;
  target.proxy_header = fmt::format("PROXY TCP4 {0} {0} 1 1\r\n", kAdminOrigin);
  return target;
}

bool MariaDbEngine::ReadOnly() const {
  for (const auto& [name, value] : config_.parameters) {
    if (name == "read_only" && value != "{TrueIfReplica}") return value == "1" || value == "on";
  }
  return config_.upstream.has_value();
}

base::Status MariaDbEngine::WriteConfig(Log log) {
  std::string text = "[mariadbd]\n";
  text += kMariaDbSettings;
  if (log == Log::kWritten) text += kMariaDbLogSettings;
  // What a restore replays lies where a replica keeps what it has received.
  if (!config_.recovery) text += "relay_log_recovery = ON\n";
  text += fmt::format("datadir = {}\nsocket = {}\npid_file = {}\ntmpdir = {}\n", Quoted(data()),
                      Quoted(socket()), Quoted(PidFile()), Quoted(directory_));
  text +=
      fmt::format("server_id = {}\nmax_connections = {}\nread_only = {}\n",
                  ServerId(config_.application_name), config_.max_connections, ReadOnly() ? 1 : 0);
  for (const auto& [name, value] : config_.parameters) {
    if (name != "read_only") text += fmt::format("{} = {}\n", name, value);
  }
  // No event of the customer's runs while the past is replayed.
  if (config_.recovery) text += "event_scheduler = OFF\n";
  // Here, other users of the machine cannot read the password.
  text += fmt::format("[mariabackup]\nuser = {}\npassword = \"{}\"\nsocket = {}\ndatadir = {}\n",
                      kBackupUser, secrets_.admin, Quoted(socket()), Quoted(data()));
  RETURN_IF_ERROR(WriteFile(ConfigFile(), text));
  return host_.GiveToEngine(ConfigFile());
}

base::Status MariaDbEngine::Configure(const EngineConfig& config) {
  config_ = config;
  return WriteConfig(Log::kWritten);
}

ChildSpec MariaDbEngine::ServerCommand() const {
  ChildSpec spec;
  spec.argv = {std::string(kServer), "--defaults-file=" + ConfigFile().string()};
  spec.environment = {{"LC_ALL", "C.UTF-8"}};
  spec.directory = directory_;
  spec.log = directory_ / "mariadb.log";
  return spec;
}

// A server that was killed leaves both behind.
void MariaDbEngine::BeforeStart() {
  std::error_code ignored;
  fs::remove(PidFile(), ignored);
  fs::remove(socket(), ignored);
}

// Written when the socket is listened on and recovery is over.
bool MariaDbEngine::IsReady() {
  std::error_code ignored;
  return fs::exists(PidFile(), ignored);
}

Flow<base::Status> MariaDbEngine::AfterStart() {
  std::vector<std::string> statements;
  std::error_code ignored;
  const bool restored = fs::exists(PositionFile(), ignored);
  const BinlogPlace place = BinlogPlaceIn(PositionFile());
  if (restored) {
    statements.push_back("SET GLOBAL gtid_slave_pos = " + MariaDbLiteral(place.gtids));
  }
  if (config_.upstream) {
    statements.emplace_back("STOP SLAVE");
    statements.push_back(Replicating(*config_.upstream, secrets_));
  }
  base::Status outcome = base::Ok();
  if (!statements.empty()) outcome = co_await Run(std::move(statements));
  if (outcome.ok() && config_.recovery) {
    if (!place.position) co_return base::Corrupt("the backup does not say where its log begins");
    outcome = co_await Replay(*place.position, *config_.recovery);
  }
  if (outcome.ok()) fs::remove(PositionFile(), ignored);
  if (outcome.ok() && config_.upstream) {
    std::vector<std::string> start(1, "START SLAVE");
    outcome = co_await Run(std::move(start));
  }
  co_return outcome;
}

bool MariaDbEngine::IsStandby() const {
  std::error_code ignored;
  return fs::exists(data() / "master.info", ignored);
}

Flow<base::Status> MariaDbEngine::Reload() {
  std::vector<std::string> statements;
  for (const auto& [name, value] : config_.parameters) {
    if (name == "read_only") continue;
    statements.push_back(fmt::format("SET GLOBAL {} = {}", name,
                                     IsPlainWord(value) ? value : MariaDbLiteral(value)));
  }
  statements.push_back(fmt::format("SET GLOBAL read_only = {}", ReadOnly() ? 1 : 0));
  co_return co_await Run(std::move(statements));
}

// What it has received and can still apply is applied. A standby whose replication broke on a
// statement is promoted as it is, as RDS does.
Flow<base::Status> MariaDbEngine::AwaitApplied() {
  const base::MonotonicTime deadline = host_.clock().Monotonic() + limits.promote;
  while (host_.clock().Monotonic() < deadline) {
    const base::Result<std::map<std::string, std::string>> status = co_await ReplicaStatus();
    if (!status.ok()) co_return status.error();
    if (AppliesNoMore(*status)) co_return base::Ok();
    co_await Sleep(host_, limits.poll);
  }
  co_return base::Unreachable("MariaDB did not apply what it has received in time");
}

Flow<base::Status> MariaDbEngine::Promote() {
  if (!running()) co_return base::WrongState("MariaDB is not running");
  if (IsStandby()) {
    std::vector<std::string> receiving(1, "STOP SLAVE IO_THREAD");
    base::Status outcome = co_await Run(std::move(receiving));
    if (outcome.ok()) outcome = co_await AwaitApplied();
    if (!outcome.ok()) co_return outcome;
    std::vector<std::string> link = {"STOP SLAVE", "RESET SLAVE ALL"};
    outcome = co_await Run(std::move(link));
    if (!outcome.ok()) co_return outcome;
  }
  config_.upstream.reset();
  std::vector<std::string> writable(1,
                                    fmt::format("SET GLOBAL read_only = {}", ReadOnly() ? 1 : 0));
  co_return co_await Run(std::move(writable));
}

Flow<base::Status> MariaDbEngine::CloneFrom(Upstream /*upstream*/, FetchBackup fetch) {
  const fs::path into = directory_ / "clone";
  base::Status outcome = PrepareDirectory();
  if (outcome.ok()) outcome = MakeDirectory(into);
  if (outcome.ok()) outcome = co_await fetch(into);
  if (outcome.ok()) outcome = co_await RestoreFrom(into);
  const base::Status removed = co_await RemoveTree(host_, into);
  co_return outcome.ok() ? removed : outcome;
}

// A copy of a running server's files, made consistent: what is left is a data directory.
Flow<base::Status> MariaDbEngine::Stream(fs::path backup) {
  const fs::path work = backup / "work";
  const std::string config = "--defaults-file=" + ConfigFile().string();
  const auto patience = std::chrono::ceil<std::chrono::seconds>(limits.backup_lock).count();
  std::vector<std::string> copy = {std::string(kBackup), config, "--backup",
                                   fmt::format("--startup-wait-timeout={}", patience),
                                   "--target-dir=" + work.string()};
  base::Status outcome = co_await RunTool(std::move(copy), "the backup");
  if (outcome.ok()) {
    std::vector<std::string> prepare = {std::string(kBackup), "--no-defaults", "--prepare",
                                        "--target-dir=" + work.string()};
    outcome = co_await RunTool(std::move(prepare), "preparing the backup");
  }
  if (outcome.ok()) {
    std::vector<std::string> pack = {"/bin/tar", "-czf",        (backup / kBackupFile).string(),
                                     "-C",       work.string(), "."};
    outcome = co_await RunTool(std::move(pack), "packing the backup");
  }
  const base::Status removed = co_await RemoveTree(host_, work);
  co_return outcome.ok() ? removed : outcome;
}

Flow<base::Status> MariaDbEngine::BackUpTo(fs::path backup) {
  base::Status prepared = PrepareDirectory();
  if (prepared.ok()) prepared = MakeDirectory(backup);
  if (!prepared.ok()) co_return prepared;
  while (copying_) co_await Sleep(host_, limits.poll);
  if (running()) {
    copying_ = true;
    const base::Status copied = co_await Stream(backup);
    copying_ = false;
    co_return copied;
  }
  std::vector<std::string> argv = {"/bin/tar", "-czf",          (backup / kBackupFile).string(),
                                   "-C",       data().string(), "."};
  co_return co_await RunTool(std::move(argv), "the backup");
}

Flow<base::Status> MariaDbEngine::RestoreFrom(fs::path backup) {
  base::Status outcome = co_await EmptyData();
  if (outcome.ok()) outcome = MakeDirectory(data());
  if (!outcome.ok()) co_return outcome;
  std::error_code error;
  fs::permissions(data(), fs::perms::owner_all, error);
  std::vector<std::string> argv = {"/bin/tar", "-xzf", (backup / kBackupFile).string(), "-C",
                                   data().string()};
  co_return co_await RunTool(std::move(argv), "unpacking the backup");
}

}  // namespace leeward::lab::rds
