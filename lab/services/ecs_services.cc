// ECS: services, and how their tasks follow what is wanted of them.
#include <array>

#include "lab/services/dispatch.h"
#include "lab/services/ecs.h"
#include "lab/services/ecs_internal.h"

namespace leeward::lab {
namespace {

using shapes::Value;
using namespace std::chrono_literals;

constexpr std::size_t kMaxEvents = 100;
constexpr std::int64_t kMaxDesired = 100;
constexpr std::size_t kMaxDescribed = 10;

// What a service shows of how it was asked for; UpdateService may change it.
constexpr std::array<const char*, 4> kShown = {"networkConfiguration", "deploymentConfiguration",
                                               "healthCheckGracePeriodSeconds", "platformVersion"};

std::string ShortTask(std::string_view id) { return fmt::format("(task {})", id); }

}  // namespace

Ecs::TaskService* Ecs::FindService(std::string_view cluster, std::string_view text) {
  for (auto& [arn, service] : services_) {
    if (service.cluster == cluster && (arn == text || service.name == LastPart(text)))
      return &service;
  }
  return nullptr;
}

std::int64_t Ecs::CountTasks(const TaskService& service, std::string_view last_status) const {
  return std::ranges::count_if(tasks_, [&](const auto& entry) {
    const Task& task = entry.second;
    if (task.service != service.arn || task.desired_status != "RUNNING") return false;
    if (last_status == "PENDING")
      return task.last_status == "PENDING" || task.last_status == "PROVISIONING";
    return task.last_status == last_status;
  });
}

// The newest is PRIMARY; while tasks of an older definition run, theirs is ACTIVE.
Value Ecs::DeploymentsShape(const TaskService& service) const {
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> counts;  // running, pending
  counts[service.task_definition];
  for (const auto& [id, task] : tasks_) {
    if (task.service != service.arn || task.desired_status != "RUNNING") continue;
    auto& [running, pending] = counts[task.definition];
    (task.last_status == "RUNNING" ? running : pending) += 1;
  }
  Value::List deployments;
  for (const auto& [definition, count] : counts) {
    const bool primary = definition == service.task_definition;
    Value shape = Value::Struct({{"id", primary ? service.deployment : "ecs-svc/0"},
                                 {"status", primary ? "PRIMARY" : "ACTIVE"},
                                 {"taskDefinition", definition},
                                 {"desiredCount", primary ? service.desired : 0},
                                 {"pendingCount", count.second},
                                 {"runningCount", count.first},
                                 {"failedTasks", std::int64_t{service.failures}},
                                 {"createdAt", service.updated},
                                 {"updatedAt", service.updated},
                                 {"rolloutState", service.steady ? "COMPLETED" : "IN_PROGRESS"}});
    deployments.insert(primary ? deployments.begin() : deployments.end(), std::move(shape));
  }
  return deployments;
}

Value Ecs::ServiceShape(const TaskService& service) const {
  Value::List events;
  for (const auto& [time, text] : service.events) {
    events.push_back(Value::Struct(
        {{"id", fmt::format("{:x}", std::hash<std::string>{}(text) ^
                                        static_cast<std::size_t>(time.since_epoch.count()))},
         {"createdAt", time},
         {"message", text}}));
  }
  Value shape = Value::Struct({{"serviceArn", service.arn},
                               {"serviceName", service.name},
                               {"clusterArn", clusters_.at(service.cluster).arn},
                               {"loadBalancers", Value(service.asked.Items("loadBalancers"))},
                               {"serviceRegistries", Value::EmptyList()},
                               {"status", service.status},
                               {"desiredCount", service.desired},
                               {"runningCount", CountTasks(service, "RUNNING")},
                               {"pendingCount", CountTasks(service, "PENDING")},
                               {"launchType", service.asked.String("launchType", "FARGATE")},
                               {"taskDefinition", service.task_definition},
                               {"deployments", DeploymentsShape(service)},
                               {"events", std::move(events)},
                               {"createdAt", service.created},
                               {"schedulingStrategy", "REPLICA"},
                               {"propagateTags", "NONE"}});
  for (const char* member : kShown) {
    if (const Value* asked = service.asked.Find(member)) shape.Set(member, *asked);
  }
  if (const Value* tags = service.asked.Find("tags")) shape.Set("tags", *tags);
  return shape;
}

Answer Ecs::CreateService(const Value& input) {
  const Cluster* cluster = FindCluster(input);
  if (cluster == nullptr) return NoCluster();
  const Value* definition = FindDefinition(input.String("taskDefinition"));
  if (definition == nullptr) return EcsError("ClientException", "TaskDefinition not found.");
  if (input.String("schedulingStrategy", "REPLICA") != "REPLICA")
    return EcsInvalid("Scheduling strategy DAEMON is not served by this lab.");
  if (auto refusal = RefuseUnserved(input)) return *refusal;
  const std::int64_t desired = input.Int("desiredCount");
  if (desired < 0 || desired > kMaxDesired)
    return EcsInvalid(fmt::format("This lab takes a desiredCount from 0 to {}.", kMaxDesired));
  const auto* registry = dynamic_cast<TargetRegistry*>(host_.Find("elbv2"));
  for (const Value& balancer : input.Items("loadBalancers")) {
    const std::string_view group = balancer.String("targetGroupArn");
    if (registry == nullptr || !registry->HasTargetGroup(group)) {
      return EcsInvalid(
          fmt::format("The specified target group does not exist. targetGroupArn: {}", group));
    }
  }
  const std::string service_name(input.String("serviceName"));
  const TaskService* existing = FindService(cluster->name, service_name);
  // Tried again by a client that did not get the answer.
  if (existing != nullptr && existing->status != "INACTIVE" && input.Has("clientToken") &&
      existing->asked.String("clientToken") == input.String("clientToken"))
    return Value::Struct({{"service", ServiceShape(*existing)}});
  if (existing != nullptr && existing->status != "INACTIVE") {
    return EcsInvalid("Creation of service was not idempotent.");
  }
  TaskService service;
  service.arn = Arn(host_, "ecs", fmt::format("service/{}/{}", cluster->name, service_name));
  service.name = service_name;
  service.cluster = cluster->name;
  service.task_definition = definition->String("taskDefinitionArn");
  service.desired = desired;
  service.asked = input;
  service.created = service.updated = host_.clock().Now();
  service.deployment = "ecs-svc/" + host_.random().Hex(19);
  TaskService& added = services_[service.arn] = std::move(service);
  ReconcileSoon(added.arn, 0s);
  Save();
  return Value::Struct({{"service", ServiceShape(added)}});
}

Answer Ecs::UpdateService(const Value& input) {
  const Cluster* cluster = FindCluster(input);
  if (cluster == nullptr) return NoCluster();
  TaskService* service = FindService(cluster->name, input.String("service"));
  if (service == nullptr) return EcsError("ServiceNotFoundException", "Service not found.");
  if (service->status != "ACTIVE")
    return EcsError("ServiceNotActiveException", "Service was not ACTIVE.");
  const std::int64_t desired = input.Int("desiredCount", service->desired);
  if (desired < 0 || desired > kMaxDesired)
    return EcsInvalid(fmt::format("This lab takes a desiredCount from 0 to {}.", kMaxDesired));
  if (input.Flag("forceNewDeployment", false))
    return EcsInvalid("forceNewDeployment is not served by this lab.");
  if (auto refusal = RefuseUnserved(input)) return *refusal;
  if (input.Has("loadBalancers") &&
      input.Items("loadBalancers") != service->asked.Items("loadBalancers"))
    return EcsInvalid("Changing the loadBalancers of a service is not served by this lab.");
  std::string definition_arn = service->task_definition;
  if (input.Has("taskDefinition")) {
    const Value* definition = FindDefinition(input.String("taskDefinition"));
    if (definition == nullptr) return EcsError("ClientException", "TaskDefinition not found.");
    definition_arn = definition->String("taskDefinitionArn");
  }
  if (definition_arn != service->task_definition) {
    service->task_definition = definition_arn;
    service->deployment = "ecs-svc/" + host_.random().Hex(19);
    service->updated = host_.clock().Now();
  }
  for (const char* member : kShown) {
    if (const Value* value = input.Find(member)) service->asked.Set(member, *value);
  }
  service->desired = desired;
  service->steady = false;
  service->failures = 0;
  service->not_before = {};
  Reconcile(service->arn);
  Save();
  return Value::Struct({{"service", ServiceShape(*service)}});
}

Answer Ecs::DeleteService(const Value& input) {
  const Cluster* cluster = FindCluster(input);
  if (cluster == nullptr) return NoCluster();
  TaskService* service = FindService(cluster->name, input.String("service"));
  if (service == nullptr || service->status == "INACTIVE")
    return EcsError("ServiceNotFoundException", "Service not found.");
  if (service->desired > 0 && !input.Flag("force", false)) {
    return EcsInvalid("The service cannot be stopped while it is scaled above 0.");
  }
  service->desired = 0;
  service->status = "DRAINING";
  Reconcile(service->arn);
  Save();
  return Value::Struct({{"service", ServiceShape(*service)}});
}

Answer Ecs::DescribeServices(const Value& input) {
  const Cluster* cluster = FindCluster(input);
  if (cluster == nullptr) return NoCluster();
  if (input.Items("services").empty()) return EcsInvalid("Services cannot be empty.");
  if (input.Items("services").size() > kMaxDescribed)
    return EcsInvalid(fmt::format("At most {} services can be described at once.", kMaxDescribed));
  Value::List found;
  Value::List failures;
  for (const Value& text : input.Items("services")) {
    if (const TaskService* service = FindService(cluster->name, text.str())) {
      found.push_back(WithTagsIfAsked(input, ServiceShape(*service)));
    } else {
      failures.push_back(Value::Struct(
          {{"arn",
            Arn(host_, "ecs", fmt::format("service/{}/{}", cluster->name, LastPart(text.str())))},
           {"reason", "MISSING"}}));
    }
  }
  return Value::Struct({{"services", std::move(found)}, {"failures", std::move(failures)}});
}

Answer Ecs::ListServices(const Value& input) {
  const Cluster* cluster = FindCluster(input);
  if (cluster == nullptr) return NoCluster();
  Value::List all;
  for (const auto& [arn, service] : services_) {
    if (service.cluster == cluster->name && service.status != "INACTIVE") all.emplace_back(arn);
  }
  Page page;
  if (!TakePage(all, input.String("nextToken"),
                static_cast<std::size_t>(input.Int("maxResults", 10)), page))
    return EcsInvalid("Invalid token.");
  Value output = Value::Struct({{"serviceArns", page.items}});
  if (!page.next_token.empty()) output.Set("nextToken", page.next_token);
  return output;
}

void Ecs::AddEvent(TaskService& service, std::string text) {
  service.events.insert(service.events.begin(),
                        {host_.clock().Now(), fmt::format("(service {}) {}", service.name, text)});
  if (service.events.size() > kMaxEvents) service.events.pop_back();
}

void Ecs::ReconcileSoon(const std::string& service_arn, base::Duration delay) {
  host_.After(delay, [this, service_arn] { Reconcile(service_arn); });
}

// New tasks are started up to what is wanted, beside those of an older definition; the older ones
// go once the new ones run.
void Ecs::Reconcile(const std::string& service_arn) {
  const auto found = services_.find(service_arn);
  if (found == services_.end() || found->second.status == "INACTIVE") return;
  TaskService& service = found->second;
  std::vector<Task*> current;
  std::vector<Task*> older;
  bool any_left = false;
  for (auto& [id, task] : tasks_) {
    if (task.service != service_arn || task.last_status == "STOPPED") continue;
    any_left = true;
    if (task.desired_status != "RUNNING") continue;
    (task.definition == service.task_definition ? current : older).push_back(&task);
  }
  const base::MonotonicTime now = host_.clock().Monotonic();
  const auto wanted = static_cast<std::size_t>(service.desired);
  if (current.size() < wanted && now < service.not_before) {
    ReconcileSoon(service_arn, service.not_before - now);
  } else if (current.size() < wanted) {
    service.steady = false;
    const Value definition = *FindDefinition(service.task_definition);
    std::string started;
    for (std::size_t i = current.size(); i < wanted; ++i) {
      Task& task = NewTask(service.cluster, definition);
      task.service = service_arn;
      task.group = "service:" + service.name;
      task.started_by = service.deployment;
      started += (started.empty() ? "" : ", ") + ShortTask(task.id);
    }
    AddEvent(service, fmt::format("has started {} tasks: {}.", wanted - current.size(), started));
  }
  std::vector<Task*> surplus(
      current.begin() + static_cast<std::ptrdiff_t>(std::min(wanted, current.size())),
      current.end());
  if (CountTasks(service, "RUNNING") - std::ranges::count(older, "RUNNING", &Task::last_status) >=
      service.desired) {
    surplus.insert(surplus.end(), older.begin(), older.end());
  }
  for (Task* task : surplus) {
    AddEvent(service, fmt::format("has stopped 1 running tasks: {}.", ShortTask(task->id)));
    StopTaskNow(*task, "ServiceSchedulerInitiated",
                fmt::format("Scaling activity initiated by (deployment {})", service.deployment));
  }
  if (service.status == "DRAINING" && !any_left) {
    service.status = "INACTIVE";
    Save();
  }
  CheckSteady(service);
}

void Ecs::CheckSteady(TaskService& service) {
  const auto alive = std::ranges::count_if(tasks_, [&](const auto& entry) {
    return entry.second.service == service.arn && entry.second.last_status != "STOPPED";
  });
  if (service.steady || alive != service.desired ||
      CountTasks(service, "RUNNING") != service.desired)
    return;
  service.steady = true;
  AddEvent(service, "has reached a steady state.");
}

}  // namespace leeward::lab
