#include "lab/services/rds_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>

#include "lab/services/time_window.h"

namespace leeward::lab::rds {
namespace {

using shapes::Value;

constexpr int kMaxRetention = 35;
constexpr int kMinPort = 1150;
constexpr int kMaxPort = 65535;
constexpr int kMinStorage = 20;
constexpr int kMaxStorage = 65536;
constexpr int kShortestWindow = 30;
constexpr std::size_t kMinPassword = 8;
constexpr std::size_t kMaxReplicas = 15;
// Asked for, these would have to be real; no part of the lab stands behind them.
constexpr std::array<std::string_view, 8> kUnservedFlags = {"MultiAZ",
                                                            "ManageMasterUserPassword",
                                                            "EnableIAMDatabaseAuthentication",
                                                            "EnablePerformanceInsights",
                                                            "EnableCustomerOwnedIp",
                                                            "MultiTenant",
                                                            "DedicatedLogVolume",
                                                            "RotateMasterUserPassword"};
constexpr std::array<std::string_view, 28> kUnserved = {"DBSecurityGroups",
                                                        "CharacterSetName",
                                                        "NcharCharacterSetName",
                                                        "Timezone",
                                                        "DBClusterIdentifier",
                                                        "DBClusterSnapshotIdentifier",
                                                        "TdeCredentialArn",
                                                        "TdeCredentialPassword",
                                                        "Domain",
                                                        "DomainFqdn",
                                                        "DomainOu",
                                                        "DomainAuthSecretArn",
                                                        "DomainDnsIps",
                                                        "DomainIAMRoleName",
                                                        "MonitoringRoleArn",
                                                        "PerformanceInsightsKMSKeyId",
                                                        "PerformanceInsightsRetentionPeriod",
                                                        "ProcessorFeatures",
                                                        "CustomIamInstanceProfile",
                                                        "DBSystemId",
                                                        "MasterUserSecretKmsKeyId",
                                                        "MasterUserAuthenticationType",
                                                        "AdditionalStorageVolumes",
                                                        "TagSpecifications",
                                                        "ReplicaMode",
                                                        "UpgradeStorageConfig",
                                                        "AutomationMode",
                                                        "AwsBackupRecoveryPointArn"};

bool Letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; }
bool Digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

bool PlainName(std::string_view name, std::size_t longest) {
  return !name.empty() && name.size() <= longest && (Letter(name.front()) || name.front() == '_') &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return Letter(c) || Digit(c) || c == '_'; });
}

Problem CheckNumber(const Value& input, std::string_view name, std::int64_t low, std::int64_t high,
                    std::string_view what) {
  const Value* number = input.Find(name);
  if (number == nullptr || (number->integer() >= low && number->integer() <= high)) return {};
  return BadValue(fmt::format("Invalid {}: {}. Must be between {} and {}.", what, number->integer(),
                              low, high));
}

Problem CheckUnserved(const Value& input) {
  for (const std::string_view flag : kUnservedFlags) {
    if (input.Flag(flag, false)) {
      return BadCombination(
          fmt::format("{} is not served by this lab; leave it out or set it to false.", flag));
    }
  }
  for (const std::string_view name : kUnserved) {
    if (input.Has(name)) {
      return BadCombination(fmt::format("{} is not served by this lab; leave it out.", name));
    }
  }
  if (input.Int("MonitoringInterval", 0) != 0) {
    return BadCombination(
        "MonitoringInterval is not served by this lab; leave it out or set it to 0.");
  }
  if (input.String("DatabaseInsightsMode", "standard") != "standard") {
    return BadCombination(
        "DatabaseInsightsMode is not served by this lab; leave it out or set it to standard.");
  }
  // Every instance has its engine's default option group, which has no options.
  if (!input.String("OptionGroupName", "default:").starts_with("default:")) {
    return ApiError{
        "OptionGroupNotFoundFault",
        fmt::format("Specified OptionGroupName: {} not found.", input.String("OptionGroupName")),
        404,
        {}};
  }
  return {};
}

}  // namespace

ApiError InstanceNotFound(std::string_view id) {
  return {"DBInstanceNotFound", fmt::format("DBInstance {} not found.", id), 404, {}};
}
ApiError InstanceState(std::string message) {
  return {"InvalidDBInstanceState", std::move(message), 400, {}};
}
ApiError BadValue(std::string message) {
  return {"InvalidParameterValue", std::move(message), 400, {}};
}
ApiError BadCombination(std::string message) {
  return {"InvalidParameterCombination", std::move(message), 400, {}};
}
ApiError NotInState(const Instance& instance, std::string_view wanted) {
  return InstanceState(fmt::format("Instance {} is not in {} state.", instance.id, wanted));
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

Problem CheckIdentifier(std::string_view parameter, std::string_view id) {
  const bool good =
      !id.empty() && id.size() <= 63 && Letter(id.front()) && id.back() != '-' &&
      id.find("--") == std::string_view::npos &&
      std::all_of(id.begin(), id.end(), [](char c) { return Letter(c) || Digit(c) || c == '-'; });
  if (good) return {};
  return BadValue(
      fmt::format("The parameter {} is not a valid identifier. Identifiers must begin with a "
                  "letter; must contain only "
                  "ASCII letters, digits, and hyphens; and must not end with a hyphen or contain "
                  "two consecutive hyphens.",
                  parameter));
}

Problem CheckWindow(std::string_view parameter, std::string_view window) {
  if (window.empty()) return {};
  const std::optional<int> lasts = WindowMinutes(window);
  if (lasts && *lasts >= kShortestWindow) return {};
  return BadValue(fmt::format(
      "Invalid {}: {}. Must be in the format hh24:mi-hh24:mi and at least 30 minutes long.",
      parameter, window));
}

Problem CheckPassword(std::string_view password, const EngineType& type) {
  constexpr std::string_view kWhy = "The parameter MasterUserPassword is not a valid password";
  if (password.size() < kMinPassword) {
    return BadValue(
        fmt::format("{} because it is shorter than {} characters.", kWhy, kMinPassword));
  }
  if (password.size() > type.max_password) {
    return BadValue(
        fmt::format("{} because it is longer than {} characters.", kWhy, type.max_password));
  }
  for (const char c : password) {
    if (c <= ' ' || c > '~' || c == '/' || c == '@' || c == '"') {
      return BadValue(fmt::format(
          "{}. Only printable ASCII characters besides '/', '@', '\"', ' ' may be used.", kWhy));
    }
  }
  return {};
}

Problem CheckLogTypes(const Value::List& types, const EngineType& type) {
  std::string wrong;
  for (const Value& log : types) {
    if (std::find(type.log_types.begin(), type.log_types.end(), log.str()) ==
        type.log_types.end()) {
      wrong += (wrong.empty() ? "" : ",") + log.str();
    }
  }
  if (wrong.empty()) return {};
  return BadCombination(fmt::format(
      "You cannot use the log types '{}' with engine version {} {}. For supported log types, see "
      "the documentation.",
      wrong, type.name, type.version()));
}

Problem CheckCommon(const Value& input) {
  if (const Value* kind = input.Find("DBInstanceClass");
      kind != nullptr && !kind->str().starts_with("db.")) {
    return BadValue(fmt::format("Invalid DB Instance class: {}", kind->str()));
  }
  if (auto problem = CheckUnserved(input)) return problem;
  if (auto problem = CheckNumber(input, "BackupRetentionPeriod", 0, kMaxRetention,
                                 "backup retention period")) {
    return problem;
  }
  for (const std::string_view name : {"Port", "DBPortNumber"}) {
    if (auto problem = CheckNumber(input, name, kMinPort, kMaxPort, "port")) return problem;
  }
  if (auto problem =
          CheckNumber(input, "AllocatedStorage", kMinStorage, kMaxStorage, "storage size")) {
    return problem;
  }
  return CheckWindow("PreferredBackupWindow", input.String("PreferredBackupWindow"));
}

Problem CheckEngine(const Value& input, const EngineType* type) {
  if (type == nullptr) {
    std::string served;
    for (const EngineType* known : EngineTypes()) {
      served += fmt::format("{}{}", served.empty() ? "" : ", ", known->name);
    }
    return BadValue(
        fmt::format("Invalid DB engine: {}. This lab serves: {}.", input.String("Engine"), served));
  }
  if (!MatchesVersion(*type, input.String("EngineVersion", type->major))) {
    return BadCombination(
        fmt::format("Cannot find version {} for {}", input.String("EngineVersion"), type->name));
  }
  if (!type->installed()) {
    return ApiError{"InsufficientDBInstanceCapacity",
                    fmt::format("The server behind {} is not installed on this machine; run "
                                "scripts/setup.",
                                type->name),
                    400,
                    {}};
  }
  return {};
}

Problem CheckMaster(const Value& input, const EngineType& type) {
  for (const std::string_view name : {"MasterUsername", "MasterUserPassword", "AllocatedStorage"}) {
    if (!input.Has(name)) {
      return BadValue(
          fmt::format("The parameter {} must be provided and must not be blank.", name));
    }
  }
  const std::string user = Lower(input.String("MasterUsername"));
  const auto& reserved = type.reserved_users;
  if (std::find(reserved.begin(), reserved.end(), user) != reserved.end() ||
      (!type.reserved_prefix.empty() && user.starts_with(type.reserved_prefix))) {
    return BadValue(fmt::format(
        "MasterUsername {} cannot be used as it is a reserved word used by the engine", user));
  }
  if (!PlainName(user, type.max_user))
    return BadValue("The parameter MasterUsername is not a valid username.");
  return CheckPassword(input.String("MasterUserPassword"), type);
}

Problem CheckCreate(const Value& input, const EngineType* type) {
  if (auto problem =
          CheckIdentifier("DBInstanceIdentifier", input.String("DBInstanceIdentifier"))) {
    return problem;
  }
  if (auto problem = CheckEngine(input, type)) return problem;
  if (auto problem = CheckCommon(input)) return problem;
  if (auto problem = CheckMaster(input, *type)) return problem;
  if (input.Has("DBName") && !PlainName(input.String("DBName"), type->max_database)) {
    return BadValue(
        fmt::format("DBName must begin with a letter and contain only alphanumeric characters."));
  }
  return CheckLogTypes(input.Items("EnableCloudwatchLogsExports"), *type);
}

Problem CheckRestore(const Value& input, const EngineType& type) {
  if (input.String("Engine", type.name) != type.name) {
    return BadCombination(
        fmt::format("The engine {} is not compatible with the snapshot's engine {}.",
                    input.String("Engine"), type.name));
  }
  return CheckLogTypes(input.Items("EnableCloudwatchLogsExports"), type);
}

Problem CheckModify(const Instance& instance, const Value& input) {
  if (!Allows(InstanceAction::kModify, instance.status)) return NotInState(instance, "available");
  if (auto problem = CheckCommon(input)) return problem;
  if (const Value* id = input.Find("NewDBInstanceIdentifier")) {
    if (auto problem = CheckIdentifier("NewDBInstanceIdentifier", id->str())) return problem;
  }
  if (const Value* password = input.Find("MasterUserPassword")) {
    if (instance.is_replica()) {
      return InstanceState(
          "The master password of a read replica cannot be changed; change its source's.");
    }
    if (auto problem = CheckPassword(password->str(), instance.type())) return problem;
  }
  const std::int64_t storage = instance.settings.Int("AllocatedStorage");
  if (input.Int("AllocatedStorage", storage) < storage) {
    return BadCombination(
        fmt::format("The storage of an instance cannot be reduced: {} has {} GiB allocated.",
                    instance.id, storage));
  }
  if (instance.is_replica() && input.Int("BackupRetentionPeriod") > 0) {
    return BadCombination(
        "Backups of a read replica are not served by this lab; promote it first.");
  }
  if (input.Int("BackupRetentionPeriod", 1) == 0 && !instance.replicas.empty()) {
    return InstanceState(
        "Automated backups cannot be turned off for an instance that has read replicas.");
  }
  const EngineType& type = instance.type();
  if (!MatchesVersion(type, input.String("EngineVersion", type.major))) {
    return BadCombination(
        fmt::format("Cannot find upgrade target from {} with requested version {}.", type.version(),
                    input.String("EngineVersion")));
  }
  return CheckLogTypes(input.Sub("CloudwatchLogsExportConfiguration").Items("EnableLogTypes"),
                       type);
}

Problem CheckDelete(const Instance& instance, const Value& input) {
  if (!Allows(InstanceAction::kDelete, instance.status)) {
    return InstanceState(fmt::format("Instance {} is already being deleted.", instance.id));
  }
  if (instance.settings.Flag("DeletionProtection", false)) {
    return BadCombination(
        "Cannot delete protected DB Instance, please disable deletion protection and try again.");
  }
  const bool skip = input.Flag("SkipFinalSnapshot", false);
  const bool named = input.Has("FinalDBSnapshotIdentifier");
  if (skip && named) {
    return BadCombination(
        "FinalDBSnapshotIdentifier can not be specified when deleting with SkipFinalSnapshot.");
  }
  if (instance.is_replica()) {
    if (!named) return {};
    return BadCombination("A final snapshot cannot be taken of a read replica.");
  }
  if (skip) return {};
  if (!named) {
    return BadCombination(
        "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.");
  }
  if (instance.status == InstanceStatus::kCreating || instance.status == InstanceStatus::kFailed) {
    return InstanceState(fmt::format("Instance {} is {}; delete it with SkipFinalSnapshot.",
                                     instance.id, Name(instance.status)));
  }
  return CheckIdentifier("FinalDBSnapshotIdentifier", input.String("FinalDBSnapshotIdentifier"));
}

Problem CheckSource(const Instance& source, std::string_view replica_region,
                    std::string_view source_region) {
  if (!Allows(InstanceAction::kReplicate, source.status)) return NotInState(source, "available");
  if (source.is_replica()) {
    if (replica_region != source_region) {
      return InstanceState("A cross-Region read replica cannot be made from a read replica.");
    }
    return InstanceState("Cascading read replicas are not served by this lab.");
  }
  if (source.retention() == 0) {
    return InstanceState(
        "Automated backups are not enabled for this database instance. To enable automated "
        "backups, use "
        "ModifyDBInstance to set the backup retention period to a non-zero value.");
  }
  if (source.replicas.size() >= kMaxReplicas) {
    return InstanceState(
        fmt::format("The source instance already has {} read replicas.", kMaxReplicas));
  }
  return {};
}

Problem CheckPromote(const Instance& instance) {
  if (!instance.is_replica()) return InstanceState("DB Instance is not a read replica.");
  if (instance.promoting) {
    return InstanceState(fmt::format("Instance {} is already being promoted.", instance.id));
  }
  if (!Allows(InstanceAction::kPromote, instance.status)) return NotInState(instance, "available");
  return {};
}

Problem CheckStop(const Instance& instance) {
  if (!Allows(InstanceAction::kStop, instance.status)) return NotInState(instance, "available");
  if (instance.is_replica()) return InstanceState("Cannot stop or start a read replica.");
  if (!instance.replicas.empty()) {
    return InstanceState(
        fmt::format("Cannot stop instance {}: it has one or more read replicas.", instance.id));
  }
  return {};
}

}  // namespace leeward::lab::rds
