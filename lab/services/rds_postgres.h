// PostgresEngine: one PostgreSQL server of the lab, from an empty directory to a running primary or
// standby.
//
// It knows nothing of the RDS API. The server listens on a Unix socket only; the lab's network
// gives it its public address. All waits are bounded.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "lab/core/service.h"
#include "lab/services/flow.h"
#include "lab/services/rds_postgres_sql.h"

namespace leeward::lab::rds {

// Runs a child to its end.
Await<base::Result<ExitStatus>> RunChild(Host& host, ChildSpec spec);

inline constexpr std::string_view kAdminUser = "rdsadmin";
inline constexpr std::string_view kReplicationUser = "rdsrepladmin";
inline constexpr std::string_view kPostgresBin = "/usr/lib/postgresql/15/bin";

// The lab's own roles in every server; only the lab knows these. A replica has those of its source.
struct Secrets {
  std::string admin;
  std::string replication;
};

// Where a standby streams from.
struct Upstream {
  std::string host;  // an address, or a directory with a Unix socket
  std::uint16_t port = 5432;
  std::string slot;
};

struct EngineConfig {
  int max_connections = 100;
  std::optional<Upstream> upstream;  // set: the server is a standby of it
  std::string application_name;      // how a standby names itself to its source
  std::vector<std::pair<std::string, std::string>> parameters;  // of the parameter group
};

struct EngineLimits {
  base::Duration start{600'000'000'000};  // crash recovery included
  base::Duration fast_shutdown{30'000'000'000};
  base::Duration promote{600'000'000'000};  // replay of what was received included
  base::Duration poll{5'000'000};           // between looks at a server that starts or is promoted
  int start_attempts = 5;                   // while an earlier server's last processes go away
  base::Duration start_retry{200'000'000};
  int copy_attempts = 3;  // base backups through a link that may break
};

class PostgresEngine : public std::enable_shared_from_this<PostgresEngine> {
 public:
  // `directory` is this server's own; its path must leave room for a Unix socket's name.
  PostgresEngine(Host& host, std::filesystem::path directory, Secrets secrets);
  ~PostgresEngine();

  const std::filesystem::path& directory() const { return directory_; }
  std::filesystem::path data() const { return directory_ / "data"; }
  std::filesystem::path socket() const { return directory_ / ".s.PGSQL.5432"; }
  bool running() const { return child_.has_value(); }
  // Called when the server ends although nobody asked it to.
  void OnCrash(std::function<void()> crashed) { crashed_ = std::move(crashed); }

  // Fills `data` with a copy of a stopped cluster's directory.
  Flow<base::Status> CopyFrom(std::filesystem::path cluster);
  // Fills `data` with a base backup of the upstream, taken through its slot.
  Flow<base::Status> CloneFrom(Upstream upstream);
  // Unpacks what BackUpTo wrote into `data`.
  Flow<base::Status> RestoreFrom(std::filesystem::path backup);
  // Writes a consistent, restorable copy of the running server into the directory `backup`.
  Flow<base::Status> BackUpTo(std::filesystem::path backup);

  // Writes the configuration; it counts from the next Start, or Reload for what can change under
  // way.
  base::Status Configure(const EngineConfig& config);
  Flow<base::Status> Start();
  Flow<base::Status> Stop();
  void Reload();
  // Ends recovery; done when the server takes writes. Needs nothing of the upstream.
  Flow<base::Status> Promote();

  Flow<base::Result<Rows>> Sql(std::vector<std::string> statements,
                               std::string database = "postgres");
  SqlTarget Target(std::string database = "postgres") const;
  // Removes the directory of a stopped server.
  Flow<base::Status> Remove();

  EngineLimits limits;

 private:
  Flow<base::Status> StartOnce();
  Flow<base::Status> RunTool(std::vector<std::string> argv, std::string what);
  Flow<bool> WaitForExit(base::Duration bound);
  Flow<base::Status> EmptyData();
  base::Status PrepareDirectory();
  void Exited(ExitStatus status);

  Host& host_;
  std::filesystem::path directory_;
  Secrets secrets_;
  std::optional<ChildId> child_;
  bool stopping_ = false;
  std::function<void()> crashed_;
};

// kInvalid when the path is too long for a Unix socket below it.
base::Status CheckSocketRoom(const std::filesystem::path& directory);

}  // namespace leeward::lab::rds
