// MariaDB as an engine of the lab's RDS, for `mariadb` and, in place of MySQL, for `mysql`: logical
// standbys by global transaction id, backups by mariabackup, restores to a time by its binary log.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lab/services/rds_engine.h"
#include "lab/services/rds_engine_type.h"
#include "lab/services/rds_mariadb_sql.h"

namespace leeward::lab::rds {

// Where the lab's own superuser connects from: an address that nobody in a lab has. The lab says it
// in a header as its network says it of everybody else, whose connections begin with theirs. A
// user of `localhost` would not do: to a server that resolves no names, all who come by the socket
// are that too.
inline constexpr std::string_view kAdminOrigin = "192.0.2.1";
// Reads everything for mariabackup, which can say no origin; it may write nothing.
inline constexpr std::string_view kBackupUser = "rdsbackup";

const EngineType& MariaDbType();
const EngineType& MySqlType();

// Which of the two RDS engines a server stands for; they differ in the master user's rights.
enum class MariaDbFace : std::uint8_t { kMariaDb, kMySql };

class MariaDbEngine : public Engine {
 public:
  MariaDbEngine(Host& host, std::filesystem::path directory, Secrets secrets, MariaDbFace face);

  std::filesystem::path socket() const override { return directory_ / "mysql.sock"; }

  Flow<base::Status> Initialise() override;
  // From a backup of the upstream: nothing in MariaDB copies a server over a connection.
  Flow<base::Status> CloneFrom(Upstream upstream, FetchBackup fetch) override;
  Flow<base::Status> RestoreFrom(std::filesystem::path backup) override;
  Flow<base::Status> BackUpTo(std::filesystem::path backup) override;
  base::Status Configure(const EngineConfig& config) override;
  Flow<base::Status> Reload() override;
  Flow<base::Status> Promote() override;
  bool IsStandby() const override;
  Flow<base::Status> CreateMaster(MasterUser master) override;
  Flow<base::Status> SetMasterPassword(std::string user, std::string password) override;
  // A source keeps its log for everybody, so that it has nothing to keep for one of them.
  Flow<base::Status> AddFollower(std::string slot) override;
  Flow<base::Status> DropFollower(std::string slot) override;
  Flow<base::Status> KeepFollowers(std::vector<std::string> slots) override;
  // The log stays for as long as RDS waits for a replica, whoever has copied it.
  Flow<base::Result<LogPlace>> KeepLog() override;
  Flow<base::Status> LetLogGo() override { co_return base::Ok(); }
  Flow<base::Result<LogMark>> MarkLog(std::uint64_t copied) override;
  std::filesystem::path log() const override { return data(); }
  Flow<base::Result<EngineLook>> Look() override;
  Flow<base::Result<Rows>> Sql(std::vector<std::string> statements) override;

  MariaDbTarget Target() const;

 private:
  enum class Log : std::uint8_t { kWritten, kNone };

  ChildSpec ServerCommand() const override;
  void BeforeStart() override;
  bool IsReady() override;
  Flow<base::Status> AfterStart() override;

  std::filesystem::path ConfigFile() const { return directory_ / "my.cnf"; }
  std::filesystem::path PidFile() const { return directory_ / "mysqld.pid"; }
  // What a backup left behind to say which transactions it has; gone once the server knows.
  std::filesystem::path PositionFile() const { return data() / "xtrabackup_binlog_info"; }
  base::Status WriteConfig(Log log);
  bool ReadOnly() const;
  Flow<base::Status> Run(std::vector<std::string> statements);
  Flow<base::Result<std::map<std::string, std::string>>> ReplicaStatus();
  Flow<base::Status> AwaitApplied();
  // rds_mariadb_log.cc
  Flow<base::Status> Replay(std::uint64_t from, Recovery recovery);
  Flow<base::Status> AwaitReplayed(std::string gtids);
  bool RotatesNow();
  Flow<base::Status> Stream(std::filesystem::path backup);

  MariaDbFace face_;
  EngineConfig config_;
  bool copying_ = false;  // a server is copied once at a time
  base::MonotonicTime rotated_{};
};

}  // namespace leeward::lab::rds
