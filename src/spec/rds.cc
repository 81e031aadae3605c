#include "spec/kinds.h"

namespace leeward::spec {
namespace {

constexpr int kMaxBackupDays = 35;

}  // namespace

const Kind& RdsKind() {
  using model::Rds;
  static const Kind kKind = {
      "rds",
      "an RDS instance of the same identifier in both Regions: the recovery one a read replica, or "
      "made of replicated backups when it is needed",
      Rds{},
      FieldsOf<Rds>({
          TextField("instance", &Rds::instance, kName, Need::kOptional,
                    "DB instance identifier in both Regions; default: the component's name"),
          WordField("engine", &Rds::engine,
                    {model::Engine::kPostgres, model::Engine::kMysql, model::Engine::kMariadb},
                    Need::kOptional, "default: postgres"),
          TextField("database", &Rds::database, kAnyText, Need::kRequired,
                    "the application's database"),
          TextField(
              "user", &Rds::user, kAnyText, Need::kRequired,
              "a login that owns the database; with mysql and mariadb not the application's own"),
          TextField("password-env", &Rds::password_env, kVariable, Need::kOptional,
                    "environment variable with its password; default: libpq's own ways, with "
                    "postgres alone"),
          TextField("security-group", &Rds::security_group, kAnyText, Need::kOptional,
                    "name of the security group in both Regions; default: the VPC's"),
          TextField("instance-class", &Rds::instance_class, kAnyText, Need::kOptional,
                    "class of the replica; default: the source's"),
          WordField("recovery", &Rds::recovery,
                    {model::Recovery::kReplica, model::Recovery::kRestore}, Need::kOptional,
                    "default: restore with pattern backup-and-restore, replica otherwise"),
          IntegerField("backup-days", &Rds::backup_days, {1, kMaxBackupDays}, Need::kOptional,
                       "days that the replicated backups are kept; default: 7"),
          KmsKeyField<Rds>("alias/aws/rds",
                           "KMS key of an encrypted instance's replica and backups in the other "
                           "Region: an alias that is there in both Regions, or the id of a "
                           "multi-Region key; default: the one that AWS manages"),
      })};
  return kKind;
}

}  // namespace leeward::spec
