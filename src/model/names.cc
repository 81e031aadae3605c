#include "model/names.h"

#include "base/check.h"

// The values of one enum, and the way back from a name.
#define LEEWARD_ENUM(Enum, ...)                          \
  template <>                                            \
  const std::vector<Enum>& AllOf<Enum>() {               \
    using enum Enum;                                     \
    static const std::vector<Enum> kAll = {__VA_ARGS__}; \
    return kAll;                                         \
  }                                                      \
  bool FromName(std::string_view name, Enum* value) {    \
    for (Enum candidate : AllOf<Enum>()) {               \
      if (Name(candidate) == name) {                     \
        *value = candidate;                              \
        return true;                                     \
      }                                                  \
    }                                                    \
    return false;                                        \
  }

namespace leeward::model {

std::string_view Name(Pattern pattern) {
  switch (pattern) {
    case Pattern::kBackupAndRestore:
      return "backup-and-restore";
    case Pattern::kPilotLight:
      return "pilot-light";
    case Pattern::kWarmStandby:
      return "warm-standby";
    case Pattern::kMultiActive:
      return "multi-active";
  }
  CHECK_NEVER("Pattern outside its enum");
}

std::string_view Name(Engine engine) {
  switch (engine) {
    case Engine::kPostgres:
      return "postgres";
    case Engine::kMysql:
      return "mysql";
    case Engine::kMariadb:
      return "mariadb";
  }
  CHECK_NEVER("Engine outside its enum");
}

std::string_view Name(FailoverMode mode) {
  switch (mode) {
    case FailoverMode::kAutomatic:
      return "automatic";
    case FailoverMode::kManual:
      return "manual";
  }
  CHECK_NEVER("FailoverMode outside its enum");
}

std::string_view Name(OverRpo policy) {
  switch (policy) {
    case OverRpo::kAsk:
      return "ask";
    case OverRpo::kRefuse:
      return "refuse";
    case OverRpo::kProceed:
      return "proceed";
  }
  CHECK_NEVER("OverRpo outside its enum");
}

std::string_view Name(Action action) {
  switch (action) {
    case Action::kProtect:
      return "protect";
    case Action::kFailover:
      return "failover";
    case Action::kSwitchover:
      return "switchover";
    case Action::kFailback:
      return "failback";
    case Action::kCallOff:
      return "call-off";
  }
  CHECK_NEVER("Action outside its enum");
}

std::string_view Name(Phase phase) {
  switch (phase) {
    case Phase::kPrepare:
      return "prepare";
    case Phase::kDetect:
      return "detect";
    case Phase::kDecide:
      return "decide";
    case Phase::kFence:
      return "fence";
    case Phase::kPromote:
      return "promote";
    case Phase::kScale:
      return "scale";
    case Phase::kTraffic:
      return "traffic";
    case Phase::kVerify:
      return "verify";
    case Phase::kReprotect:
      return "reprotect";
  }
  CHECK_NEVER("Phase outside its enum");
}

std::string_view Name(OnFailure policy) {
  switch (policy) {
    case OnFailure::kStop:
      return "stop";
    case OnFailure::kContinue:
      return "continue";
  }
  CHECK_NEVER("OnFailure outside its enum");
}

std::string_view Name(Signal signal) {
  switch (signal) {
    case Signal::kApplication:
      return "application";
    case Signal::kStore:
      return "store";
    case Signal::kControlPlane:
      return "control-plane";
  }
  CHECK_NEVER("Signal outside its enum");
}

std::string_view Name(Seen seen) {
  switch (seen) {
    case Seen::kGood:
      return "good";
    case Seen::kBad:
      return "bad";
    case Seen::kNothing:
      return "nothing";
  }
  CHECK_NEVER("Seen outside its enum");
}

std::string_view Name(Health health) {
  switch (health) {
    case Health::kUnknown:
      return "unknown";
    case Health::kUp:
      return "up";
    case Health::kSuspect:
      return "suspect";
    case Health::kDown:
      return "down";
  }
  CHECK_NEVER("Health outside its enum");
}

std::string_view Name(TrafficSwitch switched_by) {
  switch (switched_by) {
    case TrafficSwitch::kRoutingControl:
      return "routing-control";
  }
  CHECK_NEVER("TrafficSwitch outside its enum");
}

std::string_view Name(Consistency consistency) {
  switch (consistency) {
    case Consistency::kEventual:
      return "eventual";
    case Consistency::kStrong:
      return "strong";
  }
  CHECK_NEVER("Consistency outside its enum");
}

std::string_view Name(ThirdMember member) {
  switch (member) {
    case ThirdMember::kWitness:
      return "witness";
    case ThirdMember::kReplica:
      return "replica";
  }
  CHECK_NEVER("ThirdMember outside its enum");
}

std::string_view Name(Recovery recovery) {
  switch (recovery) {
    case Recovery::kByPattern:
      return "by-pattern";
    case Recovery::kReplica:
      return "replica";
    case Recovery::kRestore:
      return "restore";
  }
  CHECK_NEVER("Recovery outside its enum");
}

std::string_view Name(CacheEngine engine) {
  switch (engine) {
    case CacheEngine::kRedis:
      return "redis";
    case CacheEngine::kValkey:
      return "valkey";
  }
  CHECK_NEVER("CacheEngine outside its enum");
}

std::string_view Name(SessionMode mode) {
  switch (mode) {
    case SessionMode::kRedis:
      return "redis";
    case SessionMode::kDynamodb:
      return "dynamodb";
    case SessionMode::kSync:
      return "sync";
    case SessionMode::kTokens:
      return "tokens";
  }
  CHECK_NEVER("SessionMode outside its enum");
}

std::string_view Name(SyncVerify verify) {
  switch (verify) {
    case SyncVerify::kTransferred:
      return "transferred";
    case SyncVerify::kEverything:
      return "all";
    case SyncVerify::kNone:
      return "none";
  }
  CHECK_NEVER("SyncVerify outside its enum");
}

std::string_view Name(SyncOverwrite overwrite) {
  switch (overwrite) {
    case SyncOverwrite::kAlways:
      return "always";
    case SyncOverwrite::kNever:
      return "never";
  }
  CHECK_NEVER("SyncOverwrite outside its enum");
}

std::string_view Name(SyncDeleted deleted) {
  switch (deleted) {
    case SyncDeleted::kKeep:
      return "keep";
    case SyncDeleted::kRemove:
      return "remove";
  }
  CHECK_NEVER("SyncDeleted outside its enum");
}

std::string_view Name(SyncAttribute attribute) {
  switch (attribute) {
    case SyncAttribute::kKeep:
      return "keep";
    case SyncAttribute::kDrop:
      return "drop";
  }
  CHECK_NEVER("SyncAttribute outside its enum");
}

std::string_view Name(SyncTransfer transfer) {
  switch (transfer) {
    case SyncTransfer::kChanged:
      return "changed";
    case SyncTransfer::kEverything:
      return "all";
  }
  CHECK_NEVER("SyncTransfer outside its enum");
}

std::string_view Name(SecretPrimary primary) {
  switch (primary) {
    case SecretPrimary::kFollows:
      return "follows";
    case SecretPrimary::kStays:
      return "stays";
  }
  CHECK_NEVER("SecretPrimary outside its enum");
}

std::string_view Name(TimeControl control) {
  switch (control) {
    case TimeControl::kOn:
      return "on";
    case TimeControl::kOff:
      return "off";
  }
  CHECK_NEVER("TimeControl outside its enum");
}

std::string NameOf(const Combination& together) {
  std::string text;
  for (const Signal signal : together) {
    text += text.empty() ? "" : " and ";
    text += Name(signal);
  }
  return text;
}

LEEWARD_ENUM(Pattern, kBackupAndRestore, kPilotLight, kWarmStandby, kMultiActive)
LEEWARD_ENUM(Engine, kPostgres, kMysql, kMariadb)
LEEWARD_ENUM(FailoverMode, kAutomatic, kManual)
LEEWARD_ENUM(OverRpo, kAsk, kRefuse, kProceed)
LEEWARD_ENUM(Action, kProtect, kFailover, kSwitchover, kFailback, kCallOff)
LEEWARD_ENUM(Phase, kPrepare, kDetect, kDecide, kFence, kPromote, kScale, kTraffic, kVerify,
             kReprotect)
LEEWARD_ENUM(OnFailure, kStop, kContinue)
LEEWARD_ENUM(Signal, kApplication, kStore, kControlPlane)
LEEWARD_ENUM(Seen, kGood, kBad, kNothing)
LEEWARD_ENUM(Health, kUnknown, kUp, kSuspect, kDown)
LEEWARD_ENUM(TrafficSwitch, kRoutingControl)
LEEWARD_ENUM(Consistency, kEventual, kStrong)
LEEWARD_ENUM(ThirdMember, kWitness, kReplica)
LEEWARD_ENUM(CacheEngine, kRedis, kValkey)
LEEWARD_ENUM(Recovery, kByPattern, kReplica, kRestore)
LEEWARD_ENUM(SessionMode, kRedis, kDynamodb, kSync, kTokens)
LEEWARD_ENUM(SyncVerify, kTransferred, kEverything, kNone)
LEEWARD_ENUM(SyncOverwrite, kAlways, kNever)
LEEWARD_ENUM(SyncDeleted, kKeep, kRemove)
LEEWARD_ENUM(SyncAttribute, kKeep, kDrop)
LEEWARD_ENUM(SyncTransfer, kChanged, kEverything)
LEEWARD_ENUM(SecretPrimary, kFollows, kStays)
LEEWARD_ENUM(TimeControl, kOn, kOff)

std::string_view KindName(const ComponentKind& kind) {
  struct Visitor {
    std::string_view operator()(const Rds&) const { return "rds"; }
    std::string_view operator()(const Ecs&) const { return "ecs"; }
    std::string_view operator()(const Route53&) const { return "route53"; }
    std::string_view operator()(const Dynamodb&) const { return "dynamodb"; }
    std::string_view operator()(const Elasticache&) const { return "elasticache"; }
    std::string_view operator()(const Efs&) const { return "efs"; }
    std::string_view operator()(const DataSync&) const { return "datasync"; }
    std::string_view operator()(const Ebs&) const { return "ebs"; }
    std::string_view operator()(const Secret&) const { return "secretsmanager"; }
    std::string_view operator()(const Kms&) const { return "kms"; }
    std::string_view operator()(const S3&) const { return "s3"; }
  };
  return std::visit(Visitor{}, kind);
}

}  // namespace leeward::model
