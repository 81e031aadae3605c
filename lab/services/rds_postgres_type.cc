// PostgreSQL as the RDS API describes it.
#include <fmt/format.h>
#include <libpq-fe.h>

#include <array>
#include <system_error>

#include "lab/services/rds_postgres.h"

namespace leeward::lab::rds {
namespace {

constexpr auto kReservedUsers = std::to_array<std::string_view>(
    {"admin", "postgres_admin", "rdsadmin", "rdsrepladmin", "rds_superuser", "public"});
constexpr auto kLogTypes =
    std::to_array<std::string_view>({"postgresql", "upgrade", "iam-db-auth-error"});
constexpr auto kBackupFiles = std::to_array<std::string_view>({kBackupFile, "pg_wal.tar.gz"});
constexpr auto kLogStatements = std::to_array<std::string_view>({"none", "ddl", "mod", "all"});
constexpr auto kCommits =
    std::to_array<std::string_view>({"on", "off", "local", "remote_write", "remote_apply"});

constexpr auto kParameters = std::to_array<ParameterRow>({
    {"default_transaction_read_only", ParameterKind::kBoolean, {}},
    {"hot_standby_feedback", ParameterKind::kBoolean, {}},
    {"idle_in_transaction_session_timeout", ParameterKind::kInteger, {}},
    {"lock_timeout", ParameterKind::kInteger, {}},
    {"log_min_duration_statement", ParameterKind::kInteger, {}},
    {"log_statement", ParameterKind::kWords, kLogStatements},
    {"max_standby_archive_delay", ParameterKind::kInteger, {}},
    {"max_standby_streaming_delay", ParameterKind::kInteger, {}},
    {"statement_timeout", ParameterKind::kInteger, {}},
    {"synchronous_commit", ParameterKind::kWords, kCommits},
    {"work_mem", ParameterKind::kInteger, {}},
});

// Debian ships libpq and server from one source, so the library's version is the server's.
std::string InstalledVersion() {
  const int version = PQlibVersion();
  return version / 10000 == 15 ? fmt::format("15.{}", version % 10000) : "15";
}

bool IsInstalled() {
  std::error_code ignored;
  return std::filesystem::exists(std::filesystem::path(kPostgresBin) / "postgres", ignored);
}

std::shared_ptr<Engine> Make(Host& host, std::filesystem::path directory, Secrets secrets) {
  return std::make_shared<PostgresEngine>(host, std::move(directory), std::move(secrets));
}

}  // namespace

const EngineType& PostgresType() {
  static const EngineType kType = {.name = "postgres",
                                   .description = "PostgreSQL",
                                   .major = "15",
                                   .version = &InstalledVersion,
                                   .version_description = "PostgreSQL ",
                                   .family = "postgres15",
                                   .default_group = "default.postgres15",
                                   .license = "postgresql-license",
                                   .port = 5432,
                                   .max_user = 63,
                                   .max_password = 128,
                                   .max_database = 63,
                                   .reserved_users = kReservedUsers,
                                   .reserved_prefix = "pg_",
                                   .log_types = kLogTypes,
                                   .parameters = kParameters,
                                   .backup_files = kBackupFiles,
                                   .template_directory = "template",
                                   .template_made = TemplateMade::kAhead,
                                   .local_path = LocalPath::kSocket,
                                   .origin = Origin::kHidden,
                                   .replica_takes_parameter_group = false,
                                   .log = &PostgresLog,
                                   .orphans = Orphans::kWait,
                                   .installed = &IsInstalled,
                                   .make = &Make};
  return kType;
}

}  // namespace leeward::lab::rds
