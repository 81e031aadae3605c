// MariaDB, and MariaDB in place of MySQL, as the RDS API describes them.
#include <mysql.h>

#include <array>
#include <system_error>

#include "lab/services/rds_binlog.h"
#include "lab/services/rds_mariadb.h"

namespace leeward::lab::rds {
namespace {

constexpr auto kMariaDbReservedUsers = std::to_array<std::string_view>(
    {"admin_role", "mariadb.sys", "mysql", "public", "rds_superuser_role", "rdsadmin", "rdsbackup",
     "rdsrepladmin", "rdstopmgr", "root"});
constexpr auto kMariaDbLogTypes = std::to_array<std::string_view>(
    {"audit", "error", "general", "slowquery", "iam-db-auth-error"});
constexpr auto kMariaDbBackupFiles = std::to_array<std::string_view>({kBackupFile});
// The server takes a truth value for it, but not under every name that one has elsewhere.
constexpr auto kScheduler = std::to_array<std::string_view>({"0", "1", "off", "on", "OFF", "ON"});
constexpr auto kReadOnly = std::to_array<std::string_view>({"0", "1", "{TrueIfReplica}"});

constexpr auto kMariaDbParameters = std::to_array<ParameterRow>({
    {"event_scheduler", ParameterKind::kWords, kScheduler},
    {"innodb_flush_log_at_trx_commit", ParameterKind::kInteger, {}},
    {"innodb_lock_wait_timeout", ParameterKind::kInteger, {}},
    {"interactive_timeout", ParameterKind::kInteger, {}},
    {"lock_wait_timeout", ParameterKind::kInteger, {}},
    {"log_bin_trust_function_creators", ParameterKind::kBoolean, {}},
    {"long_query_time", ParameterKind::kInteger, {}},
    {"read_only", ParameterKind::kWords, kReadOnly},
    {"slow_query_log", ParameterKind::kBoolean, {}},
    {"sync_binlog", ParameterKind::kInteger, {}},
    {"wait_timeout", ParameterKind::kInteger, {}},
});

// Debian builds client library and server from one source, so the library's version is the
// server's.
std::string MariaDbVersion() {
  const std::string all = MARIADB_CLIENT_VERSION_STR;
  return all.substr(0, all.find('-'));
}

// Says what stands behind it: a MySQL of this number there is none.
std::string VersionAsMySql() { return "8.0.mariadb-" + MariaDbVersion(); }

bool MariaDbIsInstalled() {
  std::error_code ignored;
  return std::filesystem::exists("/usr/sbin/mariadbd", ignored) &&
         std::filesystem::exists("/usr/bin/mariabackup", ignored);
}

template <MariaDbFace face>
std::shared_ptr<Engine> MakeMariaDb(Host& host, std::filesystem::path directory, Secrets secrets) {
  return std::make_shared<MariaDbEngine>(host, std::move(directory), std::move(secrets), face);
}

}  // namespace

const EngineType& MariaDbType() {
  static const EngineType kType = {.name = "mariadb",
                                   .description = "MariaDB Community Edition",
                                   .major = "10.11",
                                   .version = &MariaDbVersion,
                                   .version_description = "MariaDB ",
                                   .family = "mariadb10.11",
                                   .default_group = "default.mariadb10.11",
                                   .license = "general-public-license",
                                   .port = 3306,
                                   .max_user = 16,
                                   .max_password = 41,
                                   .max_database = 64,
                                   .reserved_users = kMariaDbReservedUsers,
                                   .reserved_prefix = "",
                                   .log_types = kMariaDbLogTypes,
                                   .parameters = kMariaDbParameters,
                                   .backup_files = kMariaDbBackupFiles,
                                   .template_directory = "template-mariadb",
                                   .template_made = TemplateMade::kOnDemand,
                                   .local_path = LocalPath::kAddress,
                                   .origin = Origin::kTold,
                                   .replica_takes_parameter_group = true,
                                   .log = &MariaDbLog,
                                   .orphans = Orphans::kPromoted,
                                   .installed = &MariaDbIsInstalled,
                                   .make = &MakeMariaDb<MariaDbFace::kMariaDb>};
  return kType;
}

const EngineType& MySqlType() {
  static const EngineType kType = [] {
    EngineType type = MariaDbType();
    type.name = "mysql";
    type.description = "MySQL Community Edition";
    type.major = "8.0";
    type.version = &VersionAsMySql;
    type.version_description = "MariaDB in place of MySQL ";
    type.family = "mysql8.0";
    type.default_group = "default.mysql8.0";
    type.make = &MakeMariaDb<MariaDbFace::kMySql>;
    return type;
  }();
  return kType;
}

}  // namespace leeward::lab::rds
