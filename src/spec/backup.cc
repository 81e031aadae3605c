// Keys of the kinds that AWS Backup keeps and restores.
#include "spec/kinds.h"

namespace leeward::spec {
namespace {

using model::Backed;

constexpr base::Duration kOneHour = std::chrono::hours(1);
constexpr base::Duration kOneDay = std::chrono::hours(24);
constexpr int kMostBackupDays = 36'500;
constexpr std::size_t kShortestVault = 2;
constexpr std::size_t kLongestVault = 50;

bool IsVaultName(std::string_view text) {
  if (text.size() < kShortestVault || text.size() > kLongestVault) return false;
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter && !(c >= '0' && c <= '9') && c != '-' && c != '_') return false;
  }
  return true;
}

const TextRule kVaultName = {"2 to 50 letters, digits, '-' and '_'", "^[a-zA-Z0-9_-]{2,50}$",
                             IsVaultName};

// A rule says at which hours of a day it is due.
Field<Backed> BackupEveryField() {
  Field<Backed> field = TimeField(
      "backup-every", &Backed::every, {kOneHour, kOneDay}, Need::kOptional,
      "between two backups by AWS Backup's plan: 1h, 2h, 3h, 4h, 6h, 8h, 12h or 24h; default: 1h");
  field.read = [read = field.read](Context& context, const YAML::Node& node,
                                   const std::string& name, Backed& backup) {
    const auto asked = base::ParseDuration(node.IsScalar() ? std::string_view(node.Scalar()) : "");
    if (asked.ok() && *asked < kOneHour) {
      context.Complain(node,
                       name + " is '" + node.Scalar() + "', and AWS Backup's least is an hour",
                       "write 1h or more, or recovery: replica");
      return;
    }
    if (asked.ok() && *asked <= kOneDay &&
        (*asked % kOneHour != base::Duration::zero() ||
         kOneDay % *asked != base::Duration::zero())) {
      context.Complain(node, name + " is '" + node.Scalar() + "', by which a day is not divided",
                       "write 1h, 2h, 3h, 4h, 6h, 8h, 12h or 24h");
      return;
    }
    read(context, node, name, backup);
  };
  return field;
}

}  // namespace

const std::vector<Field<Backed>>& BackupFields() {
  static const std::vector<Field<Backed>> kFields = {
      WordField("recovery", &Backed::recovery,
                {model::Recovery::kReplica, model::Recovery::kRestore}, Need::kOptional,
                "restore: the recovery Region has its backups alone; default: restore with pattern "
                "backup-and-restore, replica otherwise"),
      TextField("vault", &Backed::vault, kVaultName, Need::kOptional,
                "AWS Backup's vault for it, of this name in both Regions; made where it is not; "
                "default: leeward-<the application's name>"),
      TextField("backup-role", &Backed::role, kAnyText, Need::kOptional,
                "IAM role that AWS Backup assumes, by name with its path; default: "
                "service-role/AWSBackupDefaultServiceRole"),
      KmsKeyField<Backed>("alias/aws/backup",
                          "KMS key of vaults that are made: an alias that is there in both "
                          "Regions, or the id of a multi-Region key; default: the one that AWS "
                          "manages",
                          "vault-kms-key", &Backed::vault_key),
      BackupEveryField(),
      IntegerField("backup-days", &Backed::days, {1, kMostBackupDays}, Need::kOptional,
                   "days that a recovery point is kept, in either Region; default: 7"),
  };
  return kFields;
}

}  // namespace leeward::spec
