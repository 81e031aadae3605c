// An ECS service in the recovery Region as it is at home: the same task definition with the
// Region's own addresses, at its standby size.
#include <algorithm>
#include <array>

#include "steps/ecs.h"
#include "steps/elasticache.h"
#include "steps/files.h"
#include "steps/look.h"
#include "steps/rds.h"

namespace leeward::steps {
namespace {

// What a task definition is registered with; the rest of what DescribeTaskDefinition answers is
// ECS's own.
constexpr std::array<std::string_view, 15> kRegistered = {"family",
                                                          "taskRoleArn",
                                                          "executionRoleArn",
                                                          "networkMode",
                                                          "containerDefinitions",
                                                          "volumes",
                                                          "placementConstraints",
                                                          "requiresCompatibilities",
                                                          "cpu",
                                                          "memory",
                                                          "pidMode",
                                                          "ipcMode",
                                                          "proxyConfiguration",
                                                          "ephemeralStorage",
                                                          "runtimePlatform"};

// The part of a described task definition that can be registered again.
Value Registrable(const Value& described) {
  Value definition = Value::Struct();
  for (const std::string_view name : kRegistered) {
    const Value* member = described.Find(name);
    if (member != nullptr && !(member->is_list() && member->list().empty())) {
      definition.Set(name, *member);
    }
  }
  return definition;
}

Result<Value> TaskDefinition(const Work& work, const Region& region, const std::string& arn) {
  ASSIGN_OR_RETURN(const Value answer, work.Call(region, "ecs", "DescribeTaskDefinition",
                                                 Value::Struct({{"taskDefinition", arn}})));
  return Registrable(answer.Sub("taskDefinition"));
}

// What a container variable that names a store carries in the step's Region: the address of a
// database or a cache; of a table its name, since a table answers at its Region's own endpoint; of
// a file system its id.
struct ValueOf {
  const Work& work;
  Result<std::string> operator()(const model::Rds& rds) const {
    ASSIGN_OR_RETURN(const std::optional<Instance> found,
                     DescribeInstance(work, work.region(), rds.instance));
    // No task runs before it is restored, and the variable is set again then.
    if (!found && rds.restores()) return std::string();
    ASSIGN_OR_RETURN(const Instance instance, NeedInstance(work, work.region(), rds.instance));
    return instance.address;
  }
  Result<std::string> operator()(const model::Elasticache& cache) const {
    ASSIGN_OR_RETURN(const Group group, NeedGroup(work, work.region(), cache.replication_group));
    return group.address;
  }
  Result<std::string> operator()(const model::Dynamodb& dynamodb) const { return dynamodb.table; }
  Result<std::string> operator()(const model::Efs& efs) const {
    ASSIGN_OR_RETURN(const std::optional<FileSystem> found,
                     FindFileSystem(work, work.region(), efs));
    if (!found && efs.backup.restores()) return std::string();
    return IdOf(efs);
  }
  Result<std::string> operator()(const model::S3& s3) const {
    return s3.bucket(work.application().regions, work.region());
  }
  Result<std::string> operator()(const model::DataSync& synced) const { return IdOf(synced); }
  Result<std::string> IdOf(const model::Files& files) const {
    ASSIGN_OR_RETURN(const FileSystem system, NeedFileSystem(work, work.region(), files));
    return system.id;
  }
  Result<std::string> operator()(const model::Ebs&) const {
    return base::Invalid("volumes have no address that a container could be told");
  }
  template <typename Other>
  Result<std::string> operator()(const Other&) const {
    return base::Invalid(
        "it is no store; name a component of kind rds, dynamodb, elasticache, efs, datasync or s3");
  }
};

Result<std::map<std::string, std::string>> Addresses(const Work& work, const model::Ecs& ecs) {
  std::map<std::string, std::string> values;
  for (const auto& [variable, component] : ecs.environment) {
    const model::Component* found = work.application().Find(component);
    Result<std::string> value = found == nullptr ? base::Invalid("there is no such component")
                                                 : std::visit(ValueOf{work}, found->kind);
    if (!value.ok())
      return std::move(value).error().Context("variable " + variable + " of " + component.str());
    values[variable] = *std::move(value);
  }
  return values;
}

void SetVariable(Value& container, const std::string& name, const std::string& value) {
  if (!container.Has("environment")) return;
  for (Value& variable : container.Find("environment")->list()) {
    if (variable.String("name") == name) variable.Set("value", value);
  }
}

// How many containers have the variable.
int Count(const Value& definition, const std::string& name) {
  int count = 0;
  for (const Value& container : definition.Items("containerDefinitions")) {
    for (const Value& variable : container.Items("environment")) {
      if (variable.String("name") == name) ++count;
    }
  }
  return count;
}

// "/leeward-restored/pages" → "/pages": what is meant of a file system, wherever its files are.
std::string MeantRoot(std::string_view root) {
  if (root.starts_with(kRestoredRoot)) {
    const std::string_view rest = root.substr(std::string_view(kRestoredRoot).size());
    if (rest.empty()) return "/";
    if (rest.starts_with('/')) return std::string(rest);
  }
  return root.empty() ? "/" : std::string(root);
}

// The same directory of a file system that is restored when it is needed.
void MountRestored(const FileSystem& here, Value& mounted) {
  std::string root = MeantRoot(mounted.String("rootDirectory"));
  if (!here.restored_of.empty()) root = kRestoredRoot + (root == "/" ? "" : root);
  mounted.Set("fileSystemId", here.id);
  if (root != "/" || mounted.Has("rootDirectory")) mounted.Set("rootDirectory", root);
}

bool IsRestoredFiles(const model::Component& component) {
  return model::FilesOf(component.kind) != nullptr && model::Restores(component.kind);
}

// To the step's Region's file system of the component that is mounted in `from`. One that is
// restored when it is needed keeps the other's id until then: no task runs before.
Status TranslateFileSystem(const Work& work, const Region& from, Value& mounted) {
  const std::string id(mounted.String("fileSystemId"));
  for (const model::Component& component : work.application().components) {
    const model::Files* files = model::FilesOf(component.kind);
    if (files == nullptr) continue;
    ASSIGN_OR_RETURN(const std::optional<FileSystem> there, FindFileSystem(work, from, *files));
    if (!there || there->id != id) continue;
    ASSIGN_OR_RETURN(const std::optional<FileSystem> made,
                     FindFileSystem(work, work.region(), *files));
    if (IsRestoredFiles(component)) {
      if (made) MountRestored(*made, mounted);
      return base::Ok();
    }
    ASSIGN_OR_RETURN(const FileSystem here, NeedFileSystem(work, work.region(), *files));
    mounted.Set("fileSystemId", here.id);
    return base::Ok();
  }
  return base::Invalid("its file system " + id + " in " + from.str() +
                       " is no component of the spec; add one of kind efs or datasync for it");
}

// A volume names its file system by an id, which is another in each Region.
Status LocalizeVolumes(const Work& work, const Region& from, Value& definition) {
  Value* volumes = definition.Find("volumes");
  if (volumes == nullptr || !volumes->is_list()) return base::Ok();
  for (Value& volume : volumes->list()) {
    Value* mounted = volume.Find("efsVolumeConfiguration");
    if (mounted == nullptr) continue;
    const std::string name = "volume " + std::string(volume.String("name"));
    if (!mounted->Sub("authorizationConfig").String("accessPointId").empty()) {
      return base::Invalid(name +
                           " is mounted by an access point, which Leeward does not copy to " +
                           work.region().str() + "; mount the file system itself");
    }
    const Status here = TranslateFileSystem(work, from, *mounted);
    if (!here.ok()) return base::Error(here.error()).Context(name);
  }
  return base::Ok();
}

Result<Value> Localized(const Work& work, const model::Ecs& ecs, const Region& from,
                        Value definition) {
  RETURN_IF_ERROR(LocalizeVolumes(work, from, definition));
  ASSIGN_OR_RETURN(const auto values, Addresses(work, ecs));
  for (const auto& [name, value] : values) {
    if (Count(definition, name) == 0) {
      return base::Invalid("no container of service " + ecs.service + " has the variable " + name +
                           "; check `environment` in the spec");
    }
    for (Value& container : definition.Find("containerDefinitions")->list()) {
      SetVariable(container, name, value);
    }
  }
  return definition;
}

Result<bool> HasCluster(const Work& work, const std::string& cluster) {
  ASSIGN_OR_RETURN(const Value answer,
                   work.Call(work.region(), "ecs", "DescribeClusters",
                             Value::Struct({{"clusters", Value::List{cluster}}})));
  const Value::List& clusters = answer.Items("clusters");
  return std::any_of(clusters.begin(), clusters.end(),
                     [](const Value& found) { return found.String("status") == "ACTIVE"; });
}

Status EnsureCluster(const Work& work, const std::string& cluster) {
  ASSIGN_OR_RETURN(const bool there, HasCluster(work, cluster));
  if (there) return base::Ok();
  const auto made =
      work.Call(work.region(), "ecs", "CreateCluster", Value::Struct({{"clusterName", cluster}}));
  return made.ok() ? base::Ok() : Status(made.error());
}

// The Region's ids of security groups that have these ids in the other Region, by their names.
Result<Value::List> TranslateGroups(const Work& work, const Region& from, const Value::List& ids) {
  Value::List translated;
  if (ids.empty()) return translated;
  ASSIGN_OR_RETURN(const Value there, work.Pages(from, "ec2", "DescribeSecurityGroups",
                                                 Value::Struct({{"GroupIds", ids}})));
  for (const Value& group : there.Items("SecurityGroups")) {
    const Value filter =
        Value::Struct({{"Name", "group-name"}, {"Values", Value::List{group.String("GroupName")}}});
    ASSIGN_OR_RETURN(const Value here,
                     work.Pages(work.region(), "ec2", "DescribeSecurityGroups",
                                Value::Struct({{"Filters", Value::List{filter}}})));
    if (here.Items("SecurityGroups").empty()) {
      return base::NotFound("there is no security group '" +
                            std::string(group.String("GroupName")) + "' in " + work.region().str() +
                            "; make it there as it is in " + from.str());
    }
    translated.emplace_back(here.Items("SecurityGroups").front().String("GroupId"));
  }
  return translated;
}

// Tasks stand in the subnets of their Region's load balancer.
Result<Value> Network(const Work& work, const model::Ecs& ecs, const Region& from,
                      const Value& source) {
  Value network = source.Sub("networkConfiguration");
  Value* vpc = network.Find("awsvpcConfiguration");
  if (vpc == nullptr) return network;
  if (!ecs.load_balancer.empty()) {
    ASSIGN_OR_RETURN(const LoadBalancer balancer,
                     FindLoadBalancer(work, work.region(), ecs.load_balancer));
    if (!balancer.subnets.empty()) {
      vpc->Set("subnets", Value::List(balancer.subnets.begin(), balancer.subnets.end()));
    }
  }
  ASSIGN_OR_RETURN(Value::List groups, TranslateGroups(work, from, vpc->Items("securityGroups")));
  vpc->Erase("securityGroups");
  if (!groups.empty()) vpc->Set("securityGroups", std::move(groups));
  return network;
}

// What the service is created with. Asks for what stands in the Region, and changes nothing.
Result<Value> NewService(const Work& work, const model::Ecs& ecs, const Region& from,
                         const Value& source, const std::string& definition, std::int64_t desired) {
  Value input = Value::Struct({{"cluster", ecs.cluster},
                               {"serviceName", ecs.service},
                               {"taskDefinition", definition},
                               {"desiredCount", desired}});
  if (!ecs.load_balancer.empty()) {
    ASSIGN_OR_RETURN(const std::string group,
                     TargetGroupArn(work, work.region(), ecs.target_group));
    Value::List balancers = source.Items("loadBalancers");
    if (balancers.empty()) {
      return base::WrongState("service " + ecs.service + " in " + from.str() +
                              " has no load balancer, the spec says it has '" + ecs.load_balancer +
                              "'");
    }
    balancers.resize(1);
    balancers.front().Set("targetGroupArn", group);
    input.Set("loadBalancers", std::move(balancers));
  }
  ASSIGN_OR_RETURN(Value network, Network(work, ecs, from, source));
  if (!network.is_null()) input.Set("networkConfiguration", std::move(network));
  for (const char* kept :
       {"launchType", "platformVersion", "schedulingStrategy", "propagateTags"}) {
    if (source.Has(kept)) input.Set(kept, source.Sub(kept));
  }
  return input;
}

Status CreateService(const Work& work, const model::Ecs& ecs, const Region& from,
                     const Value& source, const std::string& definition, std::int64_t desired) {
  ASSIGN_OR_RETURN(const Value input, NewService(work, ecs, from, source, definition, desired));
  const auto created = work.Call(work.region(), "ecs", "CreateService", input);
  return created.ok() ? base::Ok() : Status(created.error());
}

// The task definition to run here: the one that runs already if it is right, else a new revision.
Result<std::string> EnsureDefinition(const Work& work, const Value& wanted,
                                     const std::optional<Value>& service) {
  if (service) {
    const std::string current(service->String("taskDefinition"));
    ASSIGN_OR_RETURN(const Value running, TaskDefinition(work, work.region(), current));
    if (running == wanted) return current;
  }
  ASSIGN_OR_RETURN(const Value registered,
                   work.Call(work.region(), "ecs", "RegisterTaskDefinition", wanted));
  return std::string(registered.Sub("taskDefinition").String("taskDefinitionArn"));
}

Status AwaitHealthy(const Work& work, const model::Ecs& ecs, std::int64_t desired) {
  if (desired == 0 || ecs.load_balancer.empty()) return base::Ok();
  ASSIGN_OR_RETURN(const std::string group, TargetGroupArn(work, work.region(), ecs.target_group));
  const auto healthy =
      work.Await<bool>("a healthy target of " + Place(ecs.service, work.region()), work.ApiPace(),
                       [&]() -> Result<std::optional<bool>> {
                         ASSIGN_OR_RETURN(const Value answer,
                                          work.Call(work.region(), "elbv2", "DescribeTargetHealth",
                                                    Value::Struct({{"TargetGroupArn", group}})));
                         for (const Value& target : answer.Items("TargetHealthDescriptions")) {
                           if (target.Sub("TargetHealth").String("State") == "healthy")
                             return std::optional<bool>(true);
                         }
                         work.Say("waiting for a healthy target in " + work.region().str());
                         return std::optional<bool>();
                       });
  return healthy.ok() ? base::Ok() : Status(healthy.error());
}

// The service in the Region it is made from.
Result<Value> SourceService(const Work& work, const model::Ecs& ecs, const Region& from) {
  ASSIGN_OR_RETURN(std::optional<Value> source, DescribeService(work, from, ecs));
  if (source) return *std::move(source);
  return base::NotFound("there is no service " + ecs.cluster + "/" + ecs.service + " in " +
                        from.str() + "; check `cluster` and `service` in the spec");
}

// What the step would do where the service is there.
Result<Finding> LookAtService(const Work& work, const Value& service, const Value& wanted,
                              std::int64_t desired) {
  ASSIGN_OR_RETURN(
      const Value running,
      TaskDefinition(work, work.region(), std::string(service.String("taskDefinition"))));
  std::string would;
  if (running != wanted) would = "would run a new revision of its task definition";
  if (const std::int64_t before = service.Int("desiredCount"); before != desired) {
    would += std::string(would.empty() ? "would" : " and") + " go from " + std::to_string(before) +
             " to " + std::to_string(desired) + " tasks";
  }
  if (!would.empty()) return Act(would);
  return Nothing("runs the same task definition already, " + std::to_string(desired) +
                 " tasks on standby");
}

}  // namespace

Result<Finding> LookAtEcsReplicate(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const model::Ecs* ecs, work.Component<model::Ecs>());
  ASSIGN_OR_RETURN(const std::string source_region, work.Parameter("source-region"));
  ASSIGN_OR_RETURN(const std::int64_t desired, work.IntParameter("desired"));
  const Region from(source_region);
  for (const auto& [variable, store] : ecs->environment) {
    // Its address, which the tasks are to carry, is that of an instance that is not there yet.
    const model::Step* made = look.Pending({{"rds.replicate", "rds.preserve-old", "rds.retire-old",
                                             "elasticache.replicate", "elasticache.preserve-old"},
                                            work.region(),
                                            store});
    if (made != nullptr) return Later(*made);
  }
  for (const model::ComponentName& needed : work.application().Find(work.step().component)->needs) {
    const model::Step* made = look.Pending(
        {{"efs.replicate", "efs.preserve-old", "datasync.replicate", "datasync.preserve-old"},
         work.region(),
         needed});
    if (made != nullptr) return Later(*made);
  }
  const model::Step* scale = look.Pending({{"ecs.scale"}, work.region(), work.step().component});
  if (scale != nullptr) return Later(*scale);
  ASSIGN_OR_RETURN(const Value source, SourceService(work, *ecs, from));
  ASSIGN_OR_RETURN(Value definition,
                   TaskDefinition(work, from, std::string(source.String("taskDefinition"))));
  ASSIGN_OR_RETURN(const Value wanted, Localized(work, *ecs, from, std::move(definition)));
  ASSIGN_OR_RETURN(const std::optional<Value> service, DescribeService(work, work.region(), *ecs));
  if (service) return LookAtService(work, *service, wanted, desired);
  ASSIGN_OR_RETURN(const bool cluster, HasCluster(work, ecs->cluster));
  // Made only to be told now of what is missing in the Region.
  ASSIGN_OR_RETURN(const Value input, NewService(work, *ecs, from, source, "", desired));
  return Act("would create " + std::string(cluster ? "" : "cluster " + ecs->cluster + " and ") +
             "service " + ecs->service + " as in " + from.str() + ", with " +
             std::to_string(input.Int("desiredCount")) + " tasks");
}

Result<StepOutcome> EcsReplicate(const Work& work) {
  ASSIGN_OR_RETURN(const model::Ecs* ecs, work.Component<model::Ecs>());
  ASSIGN_OR_RETURN(const std::string source_region, work.Parameter("source-region"));
  ASSIGN_OR_RETURN(const std::int64_t desired, work.IntParameter("desired"));
  const Region from(source_region);
  ASSIGN_OR_RETURN(const Value source, SourceService(work, *ecs, from));
  ASSIGN_OR_RETURN(Value definition,
                   TaskDefinition(work, from, std::string(source.String("taskDefinition"))));
  ASSIGN_OR_RETURN(const Value wanted, Localized(work, *ecs, from, std::move(definition)));
  RETURN_IF_ERROR(EnsureCluster(work, ecs->cluster));
  ASSIGN_OR_RETURN(const std::optional<Value> service, DescribeService(work, work.region(), *ecs));
  ASSIGN_OR_RETURN(const std::string arn, EnsureDefinition(work, wanted, service));
  if (!service) {
    RETURN_IF_ERROR(CreateService(work, *ecs, from, source, arn, desired));
  } else if (service->String("taskDefinition") != arn || service->Int("desiredCount") != desired) {
    const auto updated = work.Call(work.region(), "ecs", "UpdateService",
                                   Value::Struct({{"cluster", ecs->cluster},
                                                  {"service", ecs->service},
                                                  {"taskDefinition", arn},
                                                  {"desiredCount", desired}}));
    if (!updated.ok()) return updated.error();
  }
  RETURN_IF_ERROR(AwaitHealthy(work, *ecs, desired));
  return StepOutcome{std::string(service ? "was there already" : "created") + ", " +
                         std::to_string(desired) + " tasks on standby",
                     {{"task_definition", arn}}};
}

namespace {

// How many volumes of the definition were of what the file system was restored of, and are its own
// now.
int PointVolumes(const FileSystem& here, Value& definition) {
  Value* volumes = definition.Find("volumes");
  if (volumes == nullptr || !volumes->is_list()) return 0;
  int count = 0;
  for (Value& volume : volumes->list()) {
    Value* mounted = volume.Find("efsVolumeConfiguration");
    if (mounted == nullptr) continue;
    const std::string_view id = mounted->String("fileSystemId");
    if (id != here.id && id != here.restored_of) continue;
    MountRestored(here, *mounted);
    ++count;
  }
  return count;
}

Status PointAllVolumes(const Work& work, const model::Ecs& ecs, Value& definition) {
  for (const model::ComponentName& name : work.application().Find(work.step().component)->needs) {
    const model::Component* needed = work.application().Find(name);
    if (needed == nullptr || !IsRestoredFiles(*needed)) continue;
    const model::Files& files = *model::FilesOf(needed->kind);
    ASSIGN_OR_RETURN(const FileSystem here, NeedFileSystem(work, work.region(), files));
    const bool told = std::any_of(ecs.environment.begin(), ecs.environment.end(),
                                  [&](const auto& variable) { return variable.second == name; });
    if (PointVolumes(here, definition) > 0 || told) continue;
    return base::Invalid(
        "service " + ecs.service + " in " + work.region().str() + " has no volume of " +
        here.restored_of + ", of which " + FilesPlace(files, here, work.region()) +
        " was restored; give its task definition a volume of " + here.id +
        " with the rootDirectory " + kRestoredRoot + ", then run the same command again");
  }
  return base::Ok();
}

// What the service in the step's Region runs, with the addresses that its stores have there now.
// Nothing of it needs the other Region.
Result<Value> Readdressed(const Work& work, const model::Ecs& ecs, const Value& service) {
  ASSIGN_OR_RETURN(Value definition, TaskDefinition(work, work.region(),
                                                    std::string(service.String("taskDefinition"))));
  RETURN_IF_ERROR(PointAllVolumes(work, ecs, definition));
  ASSIGN_OR_RETURN(const auto values, Addresses(work, ecs));
  for (const auto& [name, value] : values) {
    for (Value& container : definition.Find("containerDefinitions")->list()) {
      SetVariable(container, name, value);
    }
  }
  return definition;
}

Result<Value> ServiceHere(const Work& work, const model::Ecs& ecs) {
  ASSIGN_OR_RETURN(std::optional<Value> service, DescribeService(work, work.region(), ecs));
  if (service) return *std::move(service);
  return base::NotFound("there is no service " + ecs.cluster + "/" + ecs.service + " in " +
                        work.region().str() + "; run `leeward protect` first");
}

}  // namespace

Result<Finding> LookAtEcsReaddress(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const model::Ecs* ecs, work.Component<model::Ecs>());
  for (const auto& [variable, store] : ecs->environment) {
    const model::Step* made =
        look.Pending({{"rds.restore", "dynamodb.restore", "efs.restore"}, work.region(), store});
    if (made != nullptr) return Later(*made);
  }
  for (const model::ComponentName& needed : work.application().Find(work.step().component)->needs) {
    const model::Step* made = look.Pending({{"efs.restore"}, work.region(), needed});
    if (made != nullptr) return Later(*made);
  }
  ASSIGN_OR_RETURN(const Value service, ServiceHere(work, *ecs));
  ASSIGN_OR_RETURN(const Value wanted, Readdressed(work, *ecs, service));
  ASSIGN_OR_RETURN(
      const Value running,
      TaskDefinition(work, work.region(), std::string(service.String("taskDefinition"))));
  if (running == wanted) return Nothing("its tasks carry these addresses already");
  return Act("would run a new revision of its task definition");
}

Result<StepOutcome> EcsReaddress(const Work& work) {
  ASSIGN_OR_RETURN(const model::Ecs* ecs, work.Component<model::Ecs>());
  ASSIGN_OR_RETURN(const Value service, ServiceHere(work, *ecs));
  ASSIGN_OR_RETURN(const Value wanted, Readdressed(work, *ecs, service));
  ASSIGN_OR_RETURN(const std::string arn, EnsureDefinition(work, wanted, service));
  Value update = Value::Struct(
      {{"cluster", ecs->cluster}, {"service", ecs->service}, {"taskDefinition", arn}});
  bool as_wanted = service.String("taskDefinition") == arn;
  // Tasks that can start only now.
  if (work.step().parameters.contains("desired")) {
    ASSIGN_OR_RETURN(const std::int64_t desired, work.IntParameter("desired"));
    as_wanted = as_wanted && service.Int("desiredCount") == desired;
    update.Set("desiredCount", desired);
  }
  if (as_wanted)
    return StepOutcome{"its tasks carry these addresses already", {{"task_definition", arn}}};
  const auto updated = work.Call(work.region(), "ecs", "UpdateService", update);
  if (!updated.ok()) return updated.error();
  return StepOutcome{"runs a revision with the addresses of what was restored",
                     {{"task_definition", arn}}};
}

}  // namespace leeward::steps
