// PostgreSQL as an engine of the lab's RDS: physical standbys through replication slots, backups by
// pg_basebackup.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lab/services/rds_engine.h"
#include "lab/services/rds_engine_type.h"
#include "lab/services/rds_postgres_sql.h"

namespace leeward::lab::rds {

inline constexpr std::string_view kPostgresBin = "/usr/lib/postgresql/15/bin";

const EngineType& PostgresType();

class PostgresEngine : public Engine {
 public:
  PostgresEngine(Host& host, std::filesystem::path directory, Secrets secrets);

  std::filesystem::path socket() const override { return directory_ / ".s.PGSQL.5432"; }

  Flow<base::Status> Initialise() override;
  // Takes a base backup of the upstream through its slot.
  Flow<base::Status> CloneFrom(Upstream upstream, FetchBackup fetch) override;
  Flow<base::Status> RestoreFrom(std::filesystem::path backup) override;
  Flow<base::Status> BackUpTo(std::filesystem::path backup) override;
  base::Status Configure(const EngineConfig& config) override;
  Flow<base::Status> Reload() override;
  Flow<base::Status> Promote() override;
  bool IsStandby() const override;
  Flow<base::Status> CreateMaster(MasterUser master) override;
  Flow<base::Status> SetMasterPassword(std::string user, std::string password) override;
  Flow<base::Status> AddFollower(std::string slot) override;
  Flow<base::Status> DropFollower(std::string slot) override;
  Flow<base::Status> KeepFollowers(std::vector<std::string> slots) override;
  Flow<base::Result<LogPlace>> KeepLog() override;
  Flow<base::Status> LetLogGo() override;
  Flow<base::Result<LogMark>> MarkLog(std::uint64_t copied) override;
  std::filesystem::path log() const override { return data() / "pg_wal"; }
  Flow<base::Result<EngineLook>> Look() override;
  Flow<base::Result<Rows>> Sql(std::vector<std::string> statements) override;

  SqlTarget Target(std::string database = "postgres") const;

 private:
  static std::string Tool(std::string_view name);
  ChildSpec ServerCommand() const override;
  void BeforeStart() override;
  bool IsReady() override;
  std::vector<std::pair<std::string, std::string>> ToolEnvironment() const override;
  Flow<base::Status> Run(std::vector<std::string> statements);
  Flow<base::Status> InitDb();
};

}  // namespace leeward::lab::rds
