// The words for the model's enums, as they stand in specs, plans, journals and JSON. Stable.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/application.h"
#include "model/observation.h"
#include "model/plan.h"

namespace leeward::model {

std::string_view Name(Pattern pattern);
std::string_view Name(Engine engine);
std::string_view Name(FailoverMode mode);
std::string_view Name(OverRpo policy);
std::string_view Name(Action action);
std::string_view Name(Phase phase);
std::string_view Name(OnFailure policy);
std::string_view Name(Signal signal);
std::string_view Name(Seen seen);
std::string_view Name(Health health);
std::string_view Name(TrafficSwitch switched_by);
std::string_view Name(Consistency consistency);
std::string_view Name(ThirdMember member);
std::string_view Name(CacheEngine engine);
std::string_view Name(Recovery recovery);
std::string_view Name(SessionMode mode);
std::string_view Name(SyncVerify verify);
std::string_view Name(SyncOverwrite overwrite);
std::string_view Name(SyncDeleted deleted);
std::string_view Name(SyncAttribute attribute);
std::string_view Name(SyncTransfer transfer);
std::string_view Name(SecretPrimary primary);
std::string_view Name(TimeControl control);

// "application and store"
std::string NameOf(const Combination& together);

// The value of that name; false, and `value` untouched, when there is none.
bool FromName(std::string_view name, Pattern* value);
bool FromName(std::string_view name, Engine* value);
bool FromName(std::string_view name, FailoverMode* value);
bool FromName(std::string_view name, OverRpo* value);
bool FromName(std::string_view name, Action* value);
bool FromName(std::string_view name, Phase* value);
bool FromName(std::string_view name, OnFailure* value);
bool FromName(std::string_view name, Signal* value);
bool FromName(std::string_view name, Seen* value);
bool FromName(std::string_view name, Health* value);
bool FromName(std::string_view name, TrafficSwitch* value);
bool FromName(std::string_view name, Consistency* value);
bool FromName(std::string_view name, ThirdMember* value);
bool FromName(std::string_view name, CacheEngine* value);
bool FromName(std::string_view name, Recovery* value);
bool FromName(std::string_view name, SessionMode* value);
bool FromName(std::string_view name, SyncVerify* value);
bool FromName(std::string_view name, SyncOverwrite* value);
bool FromName(std::string_view name, SyncDeleted* value);
bool FromName(std::string_view name, SyncAttribute* value);
bool FromName(std::string_view name, SyncTransfer* value);
bool FromName(std::string_view name, SecretPrimary* value);
bool FromName(std::string_view name, TimeControl* value);

// Every value of one of the enums above, in its order. For messages that list what is allowed, and
// for tests.
template <typename Enum>
const std::vector<Enum>& AllOf();

// "rds", "ecs", "route53", "dynamodb", "elasticache", "efs", "datasync", "ebs",
// "secretsmanager", "kms", "s3": the component's kind as in the spec.
std::string_view KindName(const ComponentKind& kind);

}  // namespace leeward::model
