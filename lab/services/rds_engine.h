// Engine: one database server of the lab, from an empty directory to a running primary or standby.
//
// It knows nothing of the RDS API. The server listens on a Unix socket only; the lab's network
// gives it its public address. All waits are bounded. What each database does its own way is in
// rds_postgres.h and its neighbours; which there are is in rds_engine_type.h.
#pragma once

#include <array>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "lab/core/service.h"
#include "lab/services/flow.h"
#include "lab/services/rds_log.h"
#include "lab/services/rds_rows.h"

namespace leeward::lab::rds {

// Runs a child to its end.
Await<base::Result<ExitStatus>> RunChild(Host& host, ChildSpec spec);
// Writes a file that only its owner reads.
base::Status WriteFile(const std::filesystem::path& path, std::string_view text);

inline constexpr std::string_view kAdminUser = "rdsadmin";
inline constexpr std::string_view kReplicationUser = "rdsrepladmin";
// What every backup has: the data directory. The rest is the engine's own.
inline constexpr std::string_view kBackupFile = "base.tar.gz";

// The lab's own roles in every server; only the lab knows these. A replica has those of its source.
struct Secrets {
  std::string admin;
  std::string replication;
};

// Where a standby streams from.
struct Upstream {
  std::string host;  // an address, or a directory with a Unix socket
  std::uint16_t port = 0;
  std::string slot;
};

// Where a server's log ended when it was looked at: what was acknowledged before `time` lies before
// `end`.
struct LogMark {
  base::WallTime time;
  LogPlace end;
};

// What a server made of a backup replays before it takes writes.
struct Recovery {
  std::filesystem::path log;            // a directory of its files
  std::optional<base::WallTime> until;  // absent: as far as the log goes
};

struct EngineConfig {
  int max_connections = 100;
  std::optional<Upstream> upstream;  // set: the server is a standby of it
  std::optional<Recovery> recovery;  // set: the next start ends a restore
  std::string application_name;      // how a server names itself to others; its own for life
  std::vector<std::pair<std::string, std::string>> parameters;  // of the parameter group
};

// The customer's user, made with RDS's rights, and a database if one is named.
struct MasterUser {
  std::string name;
  std::string password;
  std::string database;
};

struct EngineMetric {
  std::string_view name;
  std::string_view unit;
  double value = 0;
};
struct EngineLook {
  bool following = false;     // a standby that receives what its source writes
  std::optional<double> lag;  // ReplicaLag in seconds, as RDS reports it for this engine
  std::vector<EngineMetric> metrics;
};

struct EngineLimits {
  base::Duration start{600'000'000'000};  // crash recovery included
  base::Duration fast_shutdown{30'000'000'000};
  base::Duration promote{600'000'000'000};   // replay of what was received included
  base::Duration replay{3'600'000'000'000};  // of a log, at the end of a restore
  base::Duration log_file{300'000'000'000};  // as RDS rotates a MariaDB's: then another is begun
  base::Duration poll{5'000'000};            // between looks at a server that starts or is promoted
  base::Duration look{2'000'000'000};        // a look at a running server
  int start_attempts = 5;                    // while an earlier server's last processes go away
  base::Duration start_retry{200'000'000};
  int copy_attempts = 3;                       // base backups through a link that may break
  base::Duration backup_lock{60'000'000'000};  // that a customer's own lock may hold up a backup
};

class Engine : public std::enable_shared_from_this<Engine> {
 public:
  // Brings a backup of the upstream's server, as BackUpTo wrote it, into a directory.
  using FetchBackup = std::function<Flow<base::Status>(std::filesystem::path)>;

  virtual ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  const std::filesystem::path& directory() const { return directory_; }
  std::filesystem::path data() const { return directory_ / "data"; }
  virtual std::filesystem::path socket() const = 0;
  bool running() const { return child_.has_value(); }
  // Called when the server ends although nobody asked it to.
  void OnCrash(std::function<void()> crashed) { crashed_ = std::move(crashed); }

  // Fills `data` with an empty cluster that has the lab's own roles; its server is stopped after.
  virtual Flow<base::Status> Initialise() = 0;
  // Fills `data` with a copy of a stopped cluster's directory.
  Flow<base::Status> CopyFrom(std::filesystem::path cluster);
  // Fills `data` with a copy of the upstream's, by whichever of the two ways is the engine's.
  virtual Flow<base::Status> CloneFrom(Upstream upstream, FetchBackup fetch) = 0;
  // Unpacks what BackUpTo wrote into `data`.
  virtual Flow<base::Status> RestoreFrom(std::filesystem::path backup) = 0;
  // Writes a consistent, restorable copy of the server into the directory `backup`.
  virtual Flow<base::Status> BackUpTo(std::filesystem::path backup) = 0;

  // Writes the configuration; it counts from the next Start, or Reload for what can change under
  // way.
  virtual base::Status Configure(const EngineConfig& config) = 0;
  // What has not started as it should does not run.
  Flow<base::Status> Start();
  Flow<base::Status> Stop();
  virtual Flow<base::Status> Reload() = 0;
  // Ends recovery; done when the server takes writes. Needs nothing of the upstream.
  virtual Flow<base::Status> Promote() = 0;
  // Whether the data directory is a standby's, whatever the service has saved of it.
  virtual bool IsStandby() const = 0;

  virtual Flow<base::Status> CreateMaster(MasterUser master) = 0;
  virtual Flow<base::Status> SetMasterPassword(std::string user, std::string password) = 0;

  // As a source: keeps what a new follower still needs, until it is dropped.
  virtual Flow<base::Status> AddFollower(std::string slot) = 0;
  virtual Flow<base::Status> DropFollower(std::string slot) = 0;
  // Drops followers that nobody knows of any more.
  virtual Flow<base::Status> KeepFollowers(std::vector<std::string> slots) = 0;

  // Its log, for automated backups.
  // Keeps the log from the answered place on, until it is marked as copied.
  virtual Flow<base::Result<LogPlace>> KeepLog() = 0;
  virtual Flow<base::Status> LetLogGo() = 0;
  // What is before `copied` may go. Marks the log, and says where it ends.
  virtual Flow<base::Result<LogMark>> MarkLog(std::uint64_t copied) = 0;
  // The directory it writes its log to.
  virtual std::filesystem::path log() const = 0;
  // Copies the log into a directory of such files.
  Flow<base::Status> CopyLog(const LogFiles& files, LogPlace from, std::uint64_t end,
                             std::filesystem::path into);

  virtual Flow<base::Result<EngineLook>> Look() = 0;
  // As the lab's own superuser; the rows of the last statement.
  virtual Flow<base::Result<Rows>> Sql(std::vector<std::string> statements) = 0;
  // Removes the directory of a stopped server.
  Flow<base::Status> Remove();

  EngineLimits limits;

 protected:
  struct Signals {
    int abandon;              // when the lab ends: at once, and with nothing left behind
    std::array<int, 3> stop;  // each after the one before it has not helped in time
  };
  // `directory` is this server's own; its path must leave room for a Unix socket's name.
  Engine(Host& host, std::filesystem::path directory, Secrets secrets, std::string_view name,
         Signals signals);

  // The running server, and whether it takes connections yet.
  virtual ChildSpec ServerCommand() const = 0;
  virtual void BeforeStart() {}
  virtual bool IsReady() = 0;
  // What is left to do once it is ready.
  virtual Flow<base::Status> AfterStart();

  // Runs a program to its end, as the engine's user; `what` it was for is in the error.
  Flow<base::Status> RunTool(std::vector<std::string> argv, std::string what);
  virtual std::vector<std::pair<std::string, std::string>> ToolEnvironment() const { return {}; }
  Flow<base::Status> EmptyData();
  base::Status PrepareDirectory();
  // An empty directory of the engine's user.
  base::Status MakeDirectory(const std::filesystem::path& path);
  void SignalServer(int signal);

  Host& host_;
  std::filesystem::path directory_;
  Secrets secrets_;
  std::string name_;  // "PostgreSQL"

 private:
  Flow<base::Status> StartOnce();
  Flow<bool> WaitForExit(base::Duration bound);
  void Exited(ExitStatus status);

  Signals signals_;
  std::optional<ChildId> child_;
  bool stopping_ = false;
  std::function<void()> crashed_;
};

Await<base::Status> RemoveTree(Host& host, std::filesystem::path directory);

// kInvalid when the path is too long for a Unix socket below it.
base::Status CheckSocketRoom(const std::filesystem::path& directory);

}  // namespace leeward::lab::rds
