#include "lab/services/ecs.h"

#include <array>

#include "lab/services/dispatch.h"
#include "lab/services/ecs_internal.h"
#include "lab/services/ecs_volumes.h"
#include "lab/services/saved_state.h"

namespace leeward::lab {
namespace {

using shapes::Value;
using namespace std::chrono_literals;

constexpr std::size_t kMaxRevisions = 10'000;

Value WithoutTags(Value input) {
  input.Erase("tags");
  return input;
}

// Nothing when this lab can run the definition as a process.
std::optional<ApiError> RefuseDefinition(const Value& input) {
  const Value::List& containers = input.Items("containerDefinitions");
  if (containers.size() != 1) {
    return EcsError("ClientException",
                    "This lab runs task definitions with exactly one container.");
  }
  const Value& container = containers.front();
  if (container.String("name").empty() || container.String("image").empty()) {
    return EcsError("ClientException",
                    "Container.image and Container.name should not be null or empty.");
  }
  if (container.Items("command").empty() && container.Items("entryPoint").empty()) {
    return EcsError("ClientException",
                    "This lab pulls no images: containerDefinitions[0].command must name a program "
                    "of this machine.");
  }
  for (const char* member : {"secrets", "environmentFiles", "volumesFrom", "dependsOn",
                             "resourceRequirements", "credentialSpecs", "systemControls"}) {
    if (!container.Items(member).empty()) {
      return EcsError("ClientException",
                      fmt::format("Container.{} is not served by this lab.", member));
    }
  }
  // A program that runs as this machine's would: nobody looks into it, and nothing is around it.
  for (const char* member : {"healthCheck", "restartPolicy", "stopTimeout", "workingDirectory",
                             "firelensConfiguration", "repositoryCredentials"}) {
    if (container.Has(member)) {
      return EcsError("ClientException",
                      fmt::format("Container.{} is not served by this lab.", member));
    }
  }
  // All files and programs of a Region are of one user, which is whom a container's root is here.
  const std::string_view user = container.String("user", "0");
  if (user != "0" && user != "root") {
    return EcsError("ClientException",
                    fmt::format("Container.user '{}' is not served by this lab, only root.", user));
  }
  if (!container.Flag("essential", true)) {
    return EcsError("ClientException",
                    "Invalid setting for container. At least one container in a task definition "
                    "must be essential.");
  }
  return RefuseVolumes(input);
}

}  // namespace

struct EcsOperations {
  using Row = OperationRow<Ecs>;
  static constexpr std::array kTable = {
      Row{"CreateCluster", &Ecs::CreateCluster},
      Row{"DescribeClusters", &Ecs::DescribeClusters},
      Row{"ListClusters", &Ecs::ListClusters},
      Row{"DeleteCluster", &Ecs::DeleteCluster},
      Row{"RegisterTaskDefinition", &Ecs::RegisterTaskDefinition},
      Row{"DescribeTaskDefinition", &Ecs::DescribeTaskDefinition},
      Row{"DeregisterTaskDefinition", &Ecs::DeregisterTaskDefinition},
      Row{"ListTaskDefinitions", &Ecs::ListTaskDefinitions},
      Row{"ListTagsForResource", &Ecs::ListTagsForResource},
      Row{"CreateService", &Ecs::CreateService},
      Row{"UpdateService", &Ecs::UpdateService},
      Row{"DeleteService", &Ecs::DeleteService},
      Row{"DescribeServices", &Ecs::DescribeServices},
      Row{"ListServices", &Ecs::ListServices},
      Row{"RunTask", &Ecs::RunTask},
      Row{"StopTask", &Ecs::StopTask},
      Row{"DescribeTasks", &Ecs::DescribeTasks},
      Row{"ListTasks", &Ecs::ListTasks},
  };
};

std::vector<std::string_view> Ecs::operations() const {
  return OperationNames(EcsOperations::kTable);
}

void Ecs::Handle(const Call& call, Reply reply) {
  RunOperation(*this, EcsOperations::kTable, call, std::move(reply));
}

// Tasks are gone with the process that ran them; what services had registered is taken back before
// they start new ones.
base::Status Ecs::Start() {
  RETURN_IF_ERROR(Load());
  for (auto& [arn, service] : services_) ReconcileSoon(arn, 0s);
  return base::Ok();
}

const Ecs::Cluster* Ecs::FindCluster(const Value& input, std::string_view member) const {
  const auto found = clusters_.find(LastPart(input.String(member, "default")));
  return found == clusters_.end() ? nullptr : &found->second;
}

Value Ecs::ClusterShape(const Cluster& cluster) const {
  std::int64_t running = 0;
  std::int64_t pending = 0;
  for (const auto& [id, task] : tasks_) {
    if (task.cluster != cluster.name) continue;
    running += task.last_status == "RUNNING" ? 1 : 0;
    pending += task.last_status == "PENDING" || task.last_status == "PROVISIONING" ? 1 : 0;
  }
  const auto active = std::ranges::count_if(services_, [&](const auto& entry) {
    return entry.second.cluster == cluster.name && entry.second.status == "ACTIVE";
  });
  return Value::Struct({{"clusterArn", cluster.arn},
                        {"clusterName", cluster.name},
                        {"status", "ACTIVE"},
                        {"registeredContainerInstancesCount", 0},
                        {"runningTasksCount", running},
                        {"pendingTasksCount", pending},
                        {"activeServicesCount", std::int64_t{active}},
                        {"statistics", Value::EmptyList()},
                        {"tags", cluster.tags},
                        {"settings", Value::EmptyList()},
                        {"capacityProviders", Value::EmptyList()},
                        {"defaultCapacityProviderStrategy", Value::EmptyList()}});
}

// Creating what is there answers what is there, as on AWS.
Answer Ecs::CreateCluster(const Value& input) {
  const std::string cluster_name(input.String("clusterName", "default"));
  const auto found = clusters_.find(cluster_name);
  if (found != clusters_.end()) return Value::Struct({{"cluster", ClusterShape(found->second)}});
  Cluster cluster{Arn(host_, "ecs", "cluster/" + cluster_name), cluster_name,
                  Value(input.Items("tags"))};
  const Cluster& added = clusters_.emplace(cluster_name, std::move(cluster)).first->second;
  Save();
  return Value::Struct({{"cluster", ClusterShape(added)}});
}

Answer Ecs::DescribeClusters(const Value& input) {
  Value::List found;
  Value::List failures;
  Value::List asked = input.Items("clusters");
  if (asked.empty()) asked.emplace_back("default");
  for (const Value& text : asked) {
    const auto cluster = clusters_.find(LastPart(text.str()));
    if (cluster != clusters_.end()) {
      found.push_back(WithTagsIfAsked(input, ClusterShape(cluster->second)));
    } else {
      failures.push_back(Value::Struct(
          {{"arn", Arn(host_, "ecs", fmt::format("cluster/{}", LastPart(text.str())))},
           {"reason", "MISSING"}}));
    }
  }
  return Value::Struct({{"clusters", std::move(found)}, {"failures", std::move(failures)}});
}

Answer Ecs::ListClusters(const Value& input) {
  Value::List all;
  for (const auto& [cluster_name, cluster] : clusters_) all.emplace_back(cluster.arn);
  Page page;
  if (!TakePage(all, input.String("nextToken"),
                static_cast<std::size_t>(input.Int("maxResults", 100)), page))
    return EcsInvalid("Invalid token.");
  Value output = Value::Struct({{"clusterArns", page.items}});
  if (!page.next_token.empty()) output.Set("nextToken", page.next_token);
  return output;
}

Answer Ecs::DeleteCluster(const Value& input) {
  const Cluster* cluster = FindCluster(input);
  if (cluster == nullptr) return NoCluster();
  for (const auto& [arn, service] : services_) {
    if (service.cluster == cluster->name && service.status != "INACTIVE") {
      return EcsError("ClusterContainsServicesException",
                      "The Cluster cannot be deleted while Services are active.");
    }
  }
  for (const auto& [id, task] : tasks_) {
    if (task.cluster == cluster->name && task.last_status != "STOPPED") {
      return EcsError("ClusterContainsTasksException",
                      "The Cluster cannot be deleted while Tasks are active.");
    }
  }
  Value shape = ClusterShape(*cluster);
  shape.Set("status", "INACTIVE");
  const std::string cluster_name = cluster->name;
  std::erase_if(services_, [&](const auto& entry) { return entry.second.cluster == cluster_name; });
  clusters_.erase(cluster_name);
  Save();
  return Value::Struct({{"cluster", std::move(shape)}});
}

Answer Ecs::RegisterTaskDefinition(const Value& input) {
  if (auto refusal = RefuseDefinition(input)) return *refusal;
  const std::string family(input.String("family"));
  std::vector<Value>& revisions = definitions_[family];
  if (revisions.size() >= kMaxRevisions) return EcsError("ClientException", "Too many revisions.");
  const auto revision = static_cast<std::int64_t>(revisions.size()) + 1;
  Value definition = input;
  definition.Set("taskDefinitionArn",
                 Arn(host_, "ecs", fmt::format("task-definition/{}:{}", family, revision)));
  definition.Set("revision", revision).Set("status", "ACTIVE");
  definition.Set("registeredAt", host_.clock().Now());
  if (!definition.Has("compatibilities"))
    definition.Set("compatibilities", Value::List{"EC2", "FARGATE"});
  revisions.push_back(definition);
  Save();
  return Value::Struct(
      {{"taskDefinition", WithoutTags(definition)}, {"tags", Value(input.Items("tags"))}});
}

const Value* Ecs::FindDefinition(std::string_view text) const {
  std::string_view family = LastPart(text);
  const std::size_t colon = family.rfind(':');
  std::size_t revision = 0;
  if (colon != std::string_view::npos) {
    for (const char c : family.substr(colon + 1)) {
      if (c < '0' || c > '9' || revision > kMaxRevisions) return nullptr;
      revision = revision * 10 + static_cast<std::size_t>(c - '0');
    }
    family = family.substr(0, colon);
  }
  const auto found = definitions_.find(family);
  if (found == definitions_.end()) return nullptr;
  if (colon != std::string_view::npos) {
    return revision >= 1 && revision <= found->second.size() ? &found->second[revision - 1]
                                                             : nullptr;
  }
  for (auto it = found->second.rbegin(); it != found->second.rend(); ++it) {
    if (it->String("status") == "ACTIVE") return &*it;
  }
  return nullptr;
}

Answer Ecs::DescribeTaskDefinition(const Value& input) {
  const Value* definition = FindDefinition(input.String("taskDefinition"));
  if (definition == nullptr)
    return EcsError("ClientException", "Unable to describe task definition.");
  const Value tags = Value::Struct({{"tags", Value(definition->Items("tags"))}});
  return WithTagsIfAsked(input, tags).Set("taskDefinition", WithoutTags(*definition));
}

Answer Ecs::DeregisterTaskDefinition(const Value& input) {
  const std::string_view text = input.String("taskDefinition");
  const Value* found =
      LastPart(text).find(':') == std::string_view::npos ? nullptr : FindDefinition(text);
  if (found == nullptr)
    return EcsError("ClientException", "The specified task definition does not exist.");
  const auto revision = static_cast<std::size_t>(found->Int("revision"));
  Value& definition = definitions_.at(std::string(found->String("family")))[revision - 1];
  definition.Set("status", "INACTIVE").Set("deregisteredAt", host_.clock().Now());
  Save();
  return Value::Struct({{"taskDefinition", WithoutTags(definition)}});
}

Answer Ecs::ListTaskDefinitions(const Value& input) {
  const std::string_view prefix = input.String("familyPrefix");
  const std::string_view status = input.String("status", "ACTIVE");
  Value::List all;
  for (const auto& [family, revisions] : definitions_) {
    if (!prefix.empty() && family != prefix) continue;
    for (const Value& definition : revisions) {
      if (definition.String("status") == status)
        all.emplace_back(definition.String("taskDefinitionArn"));
    }
  }
  if (input.String("sort") == "DESC") std::ranges::reverse(all);
  Page page;
  if (!TakePage(all, input.String("nextToken"),
                static_cast<std::size_t>(input.Int("maxResults", 100)), page))
    return EcsInvalid("Invalid token.");
  Value output = Value::Struct({{"taskDefinitionArns", page.items}});
  if (!page.next_token.empty()) output.Set("nextToken", page.next_token);
  return output;
}

Answer Ecs::ListTagsForResource(const Value& input) {
  const std::string_view arn = input.String("resourceArn");
  for (const auto& [cluster_name, cluster] : clusters_) {
    if (cluster.arn == arn) return Value::Struct({{"tags", cluster.tags}});
  }
  const auto service = services_.find(arn);
  if (service != services_.end())
    return Value::Struct({{"tags", Value(service->second.asked.Items("tags"))}});
  if (const Task* task = FindTask(arn); task != nullptr && task->arn == arn)
    return Value::Struct({{"tags", task->tags}});
  const Value* definition = FindDefinition(arn);
  if (definition != nullptr && definition->String("taskDefinitionArn") == arn)
    return Value::Struct({{"tags", Value(definition->Items("tags"))}});
  return EcsInvalid(fmt::format("The specified resource is not found: {}", arn));
}

void Ecs::Save() {
  Value::List clusters;
  for (const auto& [cluster_name, c] : clusters_)
    clusters.push_back(Value::Struct({{"arn", c.arn}, {"name", c.name}, {"tags", c.tags}}));
  Value::List families;
  for (const auto& [family, revisions] : definitions_)
    families.push_back(Value::Struct({{"family", family}, {"revisions", Value(revisions)}}));
  Value::List services;
  for (const auto& [arn, s] : services_) {
    if (s.status == "INACTIVE") continue;
    Value::List registered;
    for (const Endpoint& e : s.registered)
      registered.push_back(Value::Struct({{"address", e.address}, {"port", std::int64_t{e.port}}}));
    services.push_back(Value::Struct({{"arn", arn},
                                      {"name", s.name},
                                      {"cluster", s.cluster},
                                      {"definition", s.task_definition},
                                      {"status", s.status},
                                      {"desired", s.desired},
                                      {"asked", s.asked},
                                      {"created", s.created},
                                      {"updated", s.updated},
                                      {"deployment", s.deployment},
                                      {"registered", std::move(registered)}}));
  }
  SaveState(host_, name(),
            Value::Struct({{"clusters", std::move(clusters)},
                           {"families", std::move(families)},
                           {"services", std::move(services)}}));
}

base::Status Ecs::Load() {
  ASSIGN_OR_RETURN(const Value saved, LoadState(host_, name()));
  for (const Value& v : saved.Items("clusters")) {
    const std::string cluster_name(v.String("name"));
    clusters_[cluster_name] = {std::string(v.String("arn")), cluster_name, Value(v.Items("tags"))};
  }
  for (const Value& v : saved.Items("families"))
    definitions_[std::string(v.String("family"))] = v.Items("revisions");
  auto* registry = dynamic_cast<TargetRegistry*>(host_.Find("elbv2"));
  for (const Value& v : saved.Items("services")) {
    TaskService s;
    s.arn = v.String("arn");
    s.name = v.String("name");
    s.cluster = v.String("cluster");
    s.task_definition = v.String("definition");
    s.status = v.String("status");
    s.desired = v.Int("desired");
    s.asked = v.Sub("asked");
    s.created = v.Find("created")->time();
    s.updated = v.Find("updated")->time();
    s.deployment = v.String("deployment");
    for (const Value& e : v.Items("registered")) {
      for (const Value& balancer : s.asked.Items("loadBalancers")) {
        if (registry != nullptr)
          registry->Deregister(
              balancer.String("targetGroupArn"),
              {std::string(e.String("address")), static_cast<std::uint16_t>(e.Int("port"))});
      }
    }
    services_[s.arn] = std::move(s);
  }
  return base::Ok();
}

std::unique_ptr<Service> MakeEcs(Host& host) { return std::make_unique<Ecs>(host); }

}  // namespace leeward::lab
