#include "cli/before.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "cli/mirroring.h"
#include "execute/execute.h"
#include "model/names.h"
#include "shapes/value.h"
#include "steps/ebs.h"
#include "steps/files.h"
#include "steps/kms_keys.h"
#include "steps/s3.h"

namespace leeward::cli {
namespace {

using base::ErrorCode;
using model::Region;
using shapes::Value;

constexpr base::Duration kPatience{10'000'000'000};

bool Has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

std::string AdviceOnDenial(const std::string& code) {
  if (Has(code, "Expired")) return "the credentials have expired; fetch new ones";
  if (Has(code, "Skewed")) return "set this machine's clock";
  if (Has(code, "AccessDenied") || Has(code, "Unauthorized"))
    return "these credentials may not do that; use a role that may";
  return "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE";
}

std::string Advice(const base::Error& error, const World& world) {
  const bool elsewhere = !world.Variable("AWS_ENDPOINT_URL").empty();
  switch (error.code()) {
    case ErrorCode::kDenied:
      return AdviceOnDenial(error.service_code());
    case ErrorCode::kUnreachable:
      return elsewhere ? "check AWS_ENDPOINT_URL, and that what it names is up"
                       : "check the network between here and AWS";
    case ErrorCode::kThrottled:
    case ErrorCode::kService:
      return "try again in a minute";
    default:
      return "";
  }
}

// The AWS client begins its messages with "sts GetCallerIdentity in us-east-1".
std::string_view DidWhat(ErrorCode code) {
  if (code == ErrorCode::kUnreachable) return "which does not answer";
  return code == ErrorCode::kDenied ? "which refuses" : "which fails";
}

base::Result<Value> Ask(World& world, const Region& region, std::string_view service,
                        std::string_view operation, const Value& input) {
  aws::CallOptions options;
  options.region = region.str();
  options.deadline = kPatience;
  return world.aws->Call(service, operation, input, options);
}

base::Error Missing(const Project& project, const model::Component& component, const Region& region,
                    const std::string& what, const std::string& elsewhere = "") {
  return base::NotFound(
      fmt::format("there is no {} in {}{}; correct {} in {}, or make it there first", what,
                  region.str(), elsewhere, component.name.str(), project.spec_path));
}

// What is not in `region` may have been looked for in the wrong one: " (there is one in
// us-west-2)".
std::string Elsewhere(World& world, const Project& project, const Region& region,
                      std::string_view service, std::string_view operation, const Value& input) {
  const model::Regions& regions = project.application.regions;
  const Region& other = region == regions.home ? regions.recovery : regions.home;
  const bool found = Ask(world, other, service, operation, input).ok();
  return found ? " (there is one in " + other.str() + ")" : "";
}

base::Status CheckInstance(World& world, const Project& project, const Region& region,
                           const model::Component& component, const model::Rds& rds) {
  const auto answer = Ask(world, region, "rds", "DescribeDBInstances",
                          Value::Struct({{"DBInstanceIdentifier", rds.instance}}));
  if (answer.ok()) return base::Ok();
  if (answer.error().code() != ErrorCode::kNotFound) return WithAdvice(answer.error(), world);
  return Missing(project, component, region, "RDS instance '" + rds.instance + "'");
}

base::Status CheckService(World& world, const Project& project, const Region& region,
                          const model::Component& component, const model::Ecs& ecs) {
  const std::string what =
      fmt::format("ECS service '{}' in cluster '{}'", ecs.service, ecs.cluster);
  const auto answer =
      Ask(world, region, "ecs", "DescribeServices",
          Value::Struct({{"cluster", ecs.cluster}, {"services", Value::List{ecs.service}}}));
  if (!answer.ok() && answer.error().code() != ErrorCode::kNotFound)
    return WithAdvice(answer.error(), world);
  const bool there =
      answer.ok() && std::any_of(answer->Items("services").begin(), answer->Items("services").end(),
                                 [](const Value& one) { return one.String("status") == "ACTIVE"; });
  return there ? base::Ok() : base::Status(Missing(project, component, region, what));
}

base::Status CheckTable(World& world, const Project& project, const Region& region,
                        const model::Component& component, const model::Dynamodb& dynamodb) {
  const Value input = Value::Struct({{"TableName", dynamodb.table}});
  const auto answer = Ask(world, region, "dynamodb", "DescribeTable", input);
  if (answer.ok()) return base::Ok();
  if (answer.error().code() != ErrorCode::kNotFound) return WithAdvice(answer.error(), world);
  return Missing(project, component, region, "DynamoDB table '" + dynamodb.table + "'",
                 Elsewhere(world, project, region, "dynamodb", "DescribeTable", input));
}

base::Status CheckGroup(World& world, const Project& project, const Region& region,
                        const model::Component& component, const model::Elasticache& cache) {
  const Value input = Value::Struct({{"ReplicationGroupId", cache.replication_group}});
  const auto answer = Ask(world, region, "elasticache", "DescribeReplicationGroups", input);
  if (answer.ok()) return base::Ok();
  if (answer.error().code() != ErrorCode::kNotFound) return WithAdvice(answer.error(), world);
  return Missing(
      project, component, region, "ElastiCache replication group '" + cache.replication_group + "'",
      Elsewhere(world, project, region, "elasticache", "DescribeReplicationGroups", input));
}

base::Status CheckFileSystem(World& world, const Project& project, const Region& region,
                             const model::Component& component, const model::Files& files) {
  aws::CallOptions options;
  options.region = region.str();
  options.deadline = kPatience;
  const auto answer = world.aws->Paginate("efs", "DescribeFileSystems", Value::Struct(), options);
  if (!answer.ok()) return WithAdvice(answer.error(), world);
  if (!steps::Named(*answer, files.file_system).empty()) return base::Ok();
  return Missing(project, component, region, "EFS file system '" + files.file_system + "'");
}

base::Status CheckVolumes(World& world, const Project& project, const Region& region,
                          const model::Component& component, const model::Ebs& ebs) {
  aws::CallOptions options;
  options.region = region.str();
  options.deadline = kPatience;
  const auto answer =
      world.aws->Paginate("ec2", "DescribeVolumes", steps::VolumesWith(ebs), options);
  if (!answer.ok()) return WithAdvice(answer.error(), world);
  if (!steps::Chosen(*answer).empty()) return base::Ok();
  return Missing(project, component, region, "EBS volume with the tag '" + ebs.tag + "'");
}

base::Status CheckSecret(World& world, const Project& project, const Region& region,
                         const model::Component& component, const model::Secret& secret) {
  const Value input = Value::Struct({{"SecretId", secret.secret}});
  const auto answer = Ask(world, region, "secretsmanager", "DescribeSecret", input);
  if (answer.ok()) return base::Ok();
  if (answer.error().code() != ErrorCode::kNotFound) return WithAdvice(answer.error(), world);
  return Missing(project, component, region, "secret '" + secret.secret + "'",
                 Elsewhere(world, project, region, "secretsmanager", "DescribeSecret", input));
}

base::Status CheckMultiRegionKey(World& world, const Project& project, const Region& region,
                                 const model::Component& component, const model::Kms& kms) {
  const Value input = Value::Struct({{"KeyId", kms.key}});
  const auto answer = Ask(world, region, "kms", "DescribeKey", input);
  if (answer.ok()) return base::Ok();
  if (answer.error().code() != ErrorCode::kNotFound) return WithAdvice(answer.error(), world);
  return Missing(project, component, region, "KMS key '" + kms.key + "'",
                 Elsewhere(world, project, region, "kms", "DescribeKey", input));
}

// Of both Regions: a bucket for copies is nobody's to make but its owner's.
base::Status CheckBuckets(World& world, const Project& project, const model::Component& component,
                          const model::S3& s3) {
  const model::Regions& regions = project.application.regions;
  for (const Region& region : {regions.home, regions.recovery}) {
    const std::string& name = s3.bucket(regions, region);
    const auto answer = Ask(world, region, "s3", "HeadBucket", Value::Struct({{"Bucket", name}}));
    if (!answer.ok() && answer.error().code() == ErrorCode::kNotFound)
      return Missing(project, component, region, "S3 bucket '" + name + "'");
    if (const std::string why = steps::WhyNotInRegion(answer, region); !why.empty()) {
      return base::WrongState(
          fmt::format("S3 bucket '{}' of {} {}; check the spec", name, component.name.str(), why));
    }
    if (!answer.ok()) return WithAdvice(answer.error(), world);
  }
  return base::Ok();
}

// Keys and aliases are of one Region; a service says so late, or not at all.
base::Status CheckKey(World& world, const Project& project, const Region& active,
                      const model::Component& component, const std::string& key) {
  const std::vector<model::Component>& all = project.application.components;
  // A component of its own makes it.
  const bool made = std::any_of(all.begin(), all.end(), [&](const model::Component& one) {
    const auto* kms = std::get_if<model::Kms>(&one.kind);
    return kms != nullptr && kms->key == key;
  });
  if (key.empty() || made) return base::Ok();
  const model::Regions& regions = project.application.regions;
  const Region& region = active == regions.home ? regions.recovery : regions.home;
  const Value input = Value::Struct({{"KeyId", key}});
  const auto answer = Ask(world, region, "kms", "DescribeKey", input);
  if (!answer.ok() && answer.error().code() == ErrorCode::kNotFound) {
    return Missing(project, component, region, "KMS key '" + key + "'",
                   Elsewhere(world, project, region, "kms", "DescribeKey", input));
  }
  if (!answer.ok()) return WithAdvice(answer.error(), world);
  const std::string why = steps::WhyNotUsable(*answer);
  if (why.empty()) return base::Ok();
  return base::WrongState(fmt::format("KMS key '{}' of {} {} in {}; enable it, or name another",
                                      key, component.name.str(), why, region.str()));
}

}  // namespace

std::string SecretVariable(const model::ComponentKind& kind) {
  if (const auto* rds = std::get_if<model::Rds>(&kind)) return rds->password_env;
  if (const auto* cache = std::get_if<model::Elasticache>(&kind)) return cache->auth_token_env;
  return "";
}

base::Error WithAdvice(const base::Error& error, const World& world) {
  const std::string advice = Advice(error, world);
  if (advice.empty()) return error;
  return base::Error(error.code(), error.message() + "; " + advice)
      .WithServiceCode(error.service_code());
}

base::Status CheckPasswords(const World& world, const Project& project) {
  for (const model::Component& component : project.application.components) {
    const std::string variable = SecretVariable(component.kind);
    if (variable.empty() || !world.Variable(variable).empty()) continue;
    return base::Invalid(fmt::format(
        "{0} is not set, and {1} says that it has the password of {2}; export {0} first", variable,
        project.spec_path, component.name.str()));
  }
  return base::Ok();
}

base::Status CheckProtected(const Project& project, const model::Inventory& inventory,
                            model::Action action) {
  if (action == model::Action::kProtect || !inventory.facts.empty()) return base::Ok();
  const std::string name(model::Name(action));
  return base::NotFound(fmt::format(
      "{} of {} needs what `leeward protect` learned, and there is no {}; run `leeward protect "
      "{}`, "
      "or say with --state where it was kept",
      name, project.application.name.str(), project.InventoryPath(), project.spec_path));
}

namespace {

// "failover", or with what a person may have forgotten: that the application has moved already.
std::string Moving(const model::Snapshot& snapshot, model::Action action) {
  std::set<model::Region> active;
  for (const auto& each : snapshot.active) active.insert(each.second);
  std::string name(model::Name(action));
  if (action != model::Action::kFailover || active.size() != 1) return name;
  return fmt::format("the application is active in {}; a {} from there", active.begin()->str(),
                     name);
}

}  // namespace

base::Status CheckSigned(std::string_view option, const std::string& by, std::string_view who) {
  const auto has_letters = [](std::string_view part) {
    return part.find_first_not_of(" \t") != std::string_view::npos;
  };
  const std::string_view text = by;
  const std::size_t colon = text.find(':');
  // As the gate reads it that it is for.
  if (colon != std::string_view::npos && has_letters(text.substr(0, colon)) &&
      has_letters(text.substr(colon + 1)))
    return base::Ok();
  return base::Invalid(fmt::format("{} needs \"NAME: REASON\": {}, and why", option, who));
}

base::Status CheckReach(const World& world, const Seen& seen, const model::Snapshot& snapshot,
                        model::Action action, const Region& spared) {
  for (const auto& plane : seen.control_planes) {
    const model::Region& region = plane.first;
    const auto& answer = plane.second;
    const bool left = std::any_of(snapshot.active.begin(), snapshot.active.end(),
                                  [&](const auto& active) { return active.second == region; });
    if (answer.ok() || region == spared || (action == model::Action::kFailover && left)) continue;
    return WithAdvice(answer.error(), world)
        .Context(fmt::format("{} needs {}, {}", Moving(snapshot, action), region.str(),
                             DidWhat(answer.error().code())));
  }
  return base::Ok();
}

base::Status CheckNamed(World& world, const Project& project, const model::Snapshot& snapshot,
                        model::Action action) {
  if (action != model::Action::kProtect) return base::Ok();
  for (const model::Component& component : project.application.components) {
    const auto active = snapshot.active.find(component.name);
    const Region& region =
        active == snapshot.active.end() ? project.application.regions.home : active->second;
    if (const auto* rds = std::get_if<model::Rds>(&component.kind)) {
      RETURN_IF_ERROR(CheckInstance(world, project, region, component, *rds));
    } else if (const auto* ecs = std::get_if<model::Ecs>(&component.kind)) {
      RETURN_IF_ERROR(CheckService(world, project, region, component, *ecs));
    } else if (const auto* dynamodb = std::get_if<model::Dynamodb>(&component.kind)) {
      RETURN_IF_ERROR(CheckTable(world, project, region, component, *dynamodb));
    } else if (const auto* cache = std::get_if<model::Elasticache>(&component.kind)) {
      RETURN_IF_ERROR(CheckGroup(world, project, region, component, *cache));
    } else if (const model::Files* files = model::FilesOf(component.kind)) {
      RETURN_IF_ERROR(CheckFileSystem(world, project, region, component, *files));
    } else if (const auto* ebs = std::get_if<model::Ebs>(&component.kind)) {
      RETURN_IF_ERROR(CheckVolumes(world, project, region, component, *ebs));
    } else if (const auto* secret = std::get_if<model::Secret>(&component.kind)) {
      RETURN_IF_ERROR(CheckSecret(world, project, region, component, *secret));
    } else if (const auto* kms = std::get_if<model::Kms>(&component.kind)) {
      RETURN_IF_ERROR(CheckMultiRegionKey(world, project, region, component, *kms));
    }
    if (const auto* s3 = std::get_if<model::S3>(&component.kind))
      RETURN_IF_ERROR(CheckBuckets(world, project, component, *s3));
    for (const std::string& key :
         {model::KmsKeyOf(component.kind), model::VaultKeyOf(component.kind)}) {
      RETURN_IF_ERROR(CheckKey(world, project, region, component, key));
    }
  }
  return base::Ok();
}

base::Status CheckKnowsLateWrites(World& world, const Project& project,
                                  const std::vector<model::Event>& history,
                                  std::string_view command) {
  auto looked = LastMoveElsewhere(world, project, history);
  if (!looked.ok()) {
    return std::move(looked).error().Context(
        "whether this journal is the one that knows what the old Region alone holds");
  }
  const std::optional<journal::MirrorHead>& head = *looked;
  const std::string failover(model::Name(model::Action::kFailover));
  const std::string failback(model::Name(model::Action::kFailback));
  if (!head || (head->action != failover && head->action != failback)) return base::Ok();
  const std::string done(execute::Name(execute::Outcome::kDone));
  if (head->over() && head->outcome != done) return base::Ok();
  return base::WrongState(fmt::format(
      "the {} {} {} {}, whose journal alone says what the old Region may hold that never "
      "left it; run `leeward {}` there, with that journal's --state",
      head->action, head->execution.str(),
      head->over() ? "was carried out by" : "is not over and in the hands of", head->writer,
      command));
}

}  // namespace leeward::cli
