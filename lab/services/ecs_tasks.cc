// ECS: tasks, which are processes.
#include <unistd.h>

#include <csignal>

#include "lab/core/credentials.h"
#include "lab/core/item_peers.h"
#include "lab/services/dispatch.h"
#include "lab/services/ecs.h"
#include "lab/services/ecs_internal.h"
#include "lab/services/ecs_volumes.h"

namespace leeward::lab {
namespace {

using shapes::Value;
using namespace std::chrono_literals;

constexpr std::size_t kKeptStopped = 100;
constexpr std::size_t kMaxTasksAtOnce = 10;
constexpr int kMaxSlots = 200;
constexpr base::Duration kProvisionAws = 10s;
constexpr base::Duration kPendingAws = 5s;
// From the end of the traffic to SIGTERM, and from there to SIGKILL.
constexpr base::Duration kDrainFast = 500ms;
constexpr base::Duration kDrainAws = 30s;
constexpr base::Duration kStopFast = 3s;
constexpr base::Duration kStopAws = 30s;
// A service whose tasks keep ending waits longer and longer before it starts the next.
constexpr base::Duration kFirstBackOff = 200ms;
constexpr base::Duration kLongestBackOff = 10s;
constexpr base::Duration kLivedWell = 10s;
constexpr int kManyFailures = 3;

// The program as a path; bare names are looked for where Debian keeps programs.
std::string ProgramPath(const std::string& program) {
  if (program.find('/') != std::string::npos) return program;
  for (const char* directory :
       {"/usr/local/bin/", "/usr/bin/", "/bin/", "/usr/local/sbin/", "/usr/sbin/"}) {
    if (access((directory + program).c_str(), X_OK) == 0) return directory + program;
  }
  return "/usr/bin/" + program;
}

std::int64_t ContainerPort(const Value& container) {
  const Value::List& mappings = container.Items("portMappings");
  return mappings.empty() ? 0 : mappings.front().Int("containerPort");
}

const Value& ContainerOverride(const Value& overrides) {
  static const Value kNone;
  const Value::List& containers = overrides.Items("containerOverrides");
  return containers.empty() ? kNone : containers.front();
}

}  // namespace

Ecs::Task* Ecs::FindTask(std::string_view text) {
  const auto found = tasks_.find(LastPart(text));
  return found == tasks_.end() ? nullptr : &found->second;
}

Value Ecs::TaskShape(const Task& task) const {
  const Value& definition = *FindDefinition(task.definition);
  const Value& container = definition.Items("containerDefinitions").front();
  Value running = Value::Struct(
      {{"containerArn", Arn(host_, "ecs", fmt::format("container/{}/{}/1", task.cluster, task.id))},
       {"taskArn", task.arn},
       {"name", container.String("name")},
       {"image", container.String("image")},
       {"lastStatus", task.last_status},
       {"healthStatus", "UNKNOWN"},
       {"networkInterfaces",
        Value::List{Value::Struct(
            {{"attachmentId", task.id}, {"privateIpv4Address", task.endpoint.address}})}}});
  if (task.exit_code) running.Set("exitCode", *task.exit_code);
  Value shape = Value::Struct(
      {{"taskArn", task.arn},
       {"clusterArn", clusters_.at(task.cluster).arn},
       {"taskDefinitionArn", task.definition},
       {"group", task.group},
       {"startedBy", task.started_by},
       {"lastStatus", task.last_status},
       {"desiredStatus", task.desired_status},
       {"launchType", "FARGATE"},
       {"availabilityZone", host_.region() + "a"},
       {"connectivity", "CONNECTED"},
       {"createdAt", task.created},
       {"containers", Value::List{running}},
       {"attachments",
        Value::List{Value::Struct(
            {{"id", task.id},
             {"type", "ElasticNetworkInterface"},
             {"status", task.last_status == "STOPPED" ? "DELETED" : "ATTACHED"},
             {"details", Value::List{Value::Struct({{"name", "privateIPv4Address"},
                                                    {"value", task.endpoint.address}})}}})}},
       {"tags", task.tags},
       {"overrides", task.overrides.is_null() ? Value::Struct() : task.overrides}});
  if (task.started.since_epoch.count() != 0) shape.Set("startedAt", task.started);
  if (task.stopped.since_epoch.count() != 0) shape.Set("stoppedAt", task.stopped);
  if (!task.stop_code.empty())
    shape.Set("stopCode", task.stop_code).Set("stoppedReason", task.stopped_reason);
  return shape;
}

// Of a client that tries again because it did not get the answer.
std::optional<Answer> Ecs::BegunBefore(const Value& input) const {
  Value::List theirs;
  for (const auto& [id, task] : tasks_) {
    if (task.asked.String("clientToken") != input.String("clientToken")) continue;
    if (task.asked != input)
      return EcsError("ConflictException",
                      "The RunTask request conflicts with one of the same clientToken.");
    theirs.push_back(TaskShape(task));
  }
  if (theirs.empty()) return std::nullopt;
  return Value::Struct({{"tasks", std::move(theirs)}, {"failures", Value::EmptyList()}});
}

Answer Ecs::RunTask(const Value& input) {
  const Cluster* cluster = FindCluster(input);
  if (cluster == nullptr) return NoCluster();
  const Value* definition = FindDefinition(input.String("taskDefinition"));
  if (definition == nullptr) return EcsError("ClientException", "TaskDefinition not found.");
  if (auto refusal = RefuseUnserved(input)) return *refusal;
  const auto count = static_cast<std::size_t>(std::max<std::int64_t>(1, input.Int("count", 1)));
  if (count > kMaxTasksAtOnce)
    return EcsInvalid(fmt::format("At most {} tasks can be run at once.", kMaxTasksAtOnce));
  if (input.Has("clientToken")) {
    if (auto answer = BegunBefore(input)) return *answer;
  }
  const Value copy = *definition;
  Value::List started;
  for (std::size_t i = 0; i < count; ++i) {
    Task& task = NewTask(cluster->name, copy);
    task.group = input.String("group", "family:" + std::string(copy.String("family")));
    task.started_by = input.String("startedBy");
    task.overrides = input.Sub("overrides");
    task.tags = Value(input.Items("tags"));
    task.asked = input;
    started.push_back(TaskShape(task));
  }
  return Value::Struct({{"tasks", std::move(started)}, {"failures", Value::EmptyList()}});
}

Answer Ecs::StopTask(const Value& input) {
  if (FindCluster(input) == nullptr) return NoCluster();
  Task* task = FindTask(input.String("task"));
  if (task == nullptr) return EcsInvalid("The referenced task was not found.");
  if (task->desired_status == "RUNNING") {
    StopTaskNow(*task, "UserInitiated",
                std::string(input.String("reason", "Task stopped by user")));
    if (!task->service.empty()) ReconcileSoon(task->service, 0s);
  }
  return Value::Struct({{"task", TaskShape(*task)}});
}

Answer Ecs::DescribeTasks(const Value& input) {
  const Cluster* cluster = FindCluster(input);
  if (cluster == nullptr) return NoCluster();
  Value::List found;
  Value::List failures;
  for (const Value& text : input.Items("tasks")) {
    const Task* task = FindTask(text.str());
    if (task != nullptr && task->cluster == cluster->name) {
      found.push_back(WithTagsIfAsked(input, TaskShape(*task)));
    } else {
      failures.push_back(Value::Struct(
          {{"arn",
            Arn(host_, "ecs", fmt::format("task/{}/{}", cluster->name, LastPart(text.str())))},
           {"reason", "MISSING"}}));
    }
  }
  return Value::Struct({{"tasks", std::move(found)}, {"failures", std::move(failures)}});
}

Answer Ecs::ListTasks(const Value& input) {
  const Cluster* cluster = FindCluster(input);
  if (cluster == nullptr) return NoCluster();
  const std::string_view desired = input.String("desiredStatus", "RUNNING");
  std::string service_arn;
  if (input.Has("serviceName")) {
    const TaskService* service = FindService(cluster->name, input.String("serviceName"));
    if (service == nullptr) return EcsError("ServiceNotFoundException", "Service not found.");
    service_arn = service->arn;
  }
  Value::List all;
  for (const auto& [id, task] : tasks_) {
    if (task.cluster != cluster->name || task.desired_status != desired) continue;
    if (!service_arn.empty() && task.service != service_arn) continue;
    const std::string_view family = input.String("family");
    if (!family.empty() && FindDefinition(task.definition)->String("family") != family) continue;
    all.emplace_back(task.arn);
  }
  Page page;
  if (!TakePage(all, input.String("nextToken"),
                static_cast<std::size_t>(input.Int("maxResults", 100)), page))
    return EcsInvalid("Invalid token.");
  Value output = Value::Struct({{"taskArns", page.items}});
  if (!page.next_token.empty()) output.Set("nextToken", page.next_token);
  return output;
}

// The lowest address that no living task has.
int Ecs::FreeSlot() const {
  for (int slot = 0; slot < kMaxSlots; ++slot) {
    const bool taken = std::ranges::any_of(tasks_, [&](const auto& entry) {
      return entry.second.slot == slot && entry.second.last_status != "STOPPED";
    });
    if (!taken) return slot;
  }
  return kMaxSlots;
}

Ecs::Task& Ecs::NewTask(const std::string& cluster, const Value& definition) {
  ForgetOldTasks();
  Task task;
  task.id = host_.random().Hex(32);
  task.arn = Arn(host_, "ecs", fmt::format("task/{}/{}", cluster, task.id));
  task.cluster = cluster;
  task.definition = definition.String("taskDefinitionArn");
  task.slot = FreeSlot();
  const Value& container = definition.Items("containerDefinitions").front();
  task.endpoint = {host_.network().AddressFor(fmt::format("ecs:task-{}", task.slot)),
                   static_cast<std::uint16_t>(ContainerPort(container))};
  task.created = host_.clock().Now();
  Task& added = tasks_[task.id] = std::move(task);
  const bool fast = host_.pace() == Pace::kFast;
  host_.After(fast ? 0s : kProvisionAws, [this, id = added.id, fast] {
    Task* one = FindTask(id);
    if (one == nullptr || one->last_status != "PROVISIONING") return;
    one->last_status = "PENDING";
    host_.After(fast ? 0s : kPendingAws, [this, id] { Launch(id); });
  });
  return added;
}

namespace {

constexpr base::Duration kRoleLives = std::chrono::hours(24 * 7);  // longer than any task of a lab

// The credentials of a task's role, which on AWS its SDK fetches from the agent beside it.
void GiveRole(Host& host, std::string_view role_arn, const std::string& task_id,
              std::map<std::string, std::string>* environment) {
  const std::size_t name = role_arn.rfind('/');
  if (role_arn.empty() || name == std::string_view::npos) return;
  const std::string arn = fmt::format("arn:aws:sts::{}:assumed-role{}/{}", host.account(),
                                      role_arn.substr(name), task_id);
  const TemporaryCredentials issued =
      host.credentials().Issue(arn, Credentials::UniqueId("AROA", role_arn) + ":" + task_id,
                               host.clock().Now() + kRoleLives, host.random());
  (*environment)["AWS_ACCESS_KEY_ID"] = issued.access_key;
  (*environment)["AWS_SECRET_ACCESS_KEY"] = issued.secret_key;
  (*environment)["AWS_SESSION_TOKEN"] = issued.token;
}

// On AWS an SDK knows where its Region's tables answer; here it is told, past the lab's gateway.
void TellOfTables(Host& host, std::map<std::string, std::string>* environment) {
  if (host.Find("dynamodb") == nullptr) return;
  (*environment)["AWS_ENDPOINT_URL_DYNAMODB"] =
      fmt::format("http://{}:{}", host.network().AddressFor(kItemsEndpoint), kItemsPort);
}

}  // namespace

base::Result<ChildSpec> Ecs::SpecFor(const Task& task, const Value& definition) {
  const Value& container = definition.Items("containerDefinitions").front();
  const Value& changed = ContainerOverride(task.overrides);
  ChildSpec spec;
  for (const Value& part : container.Items("entryPoint")) spec.argv.push_back(part.str());
  const Value::List& command =
      changed.Has("command") ? changed.Items("command") : container.Items("command");
  for (const Value& part : command) spec.argv.push_back(part.str());
  if (spec.argv.empty()) return base::Invalid("the command is empty");
  spec.argv[0] = ProgramPath(spec.argv[0]);
  if (access(spec.argv[0].c_str(), X_OK) != 0)
    return base::NotFound(fmt::format("{} is not a program on this machine", spec.argv[0]));
  std::map<std::string, std::string> environment;
  if (task.endpoint.port != 0) environment["PORT"] = std::to_string(task.endpoint.port);
  environment["AWS_REGION"] = environment["AWS_DEFAULT_REGION"] = host_.region();
  GiveRole(host_, task.overrides.String("taskRoleArn", definition.String("taskRoleArn")), task.id,
           &environment);
  TellOfTables(host_, &environment);
  for (const Value::List* list : {&container.Items("environment"), &changed.Items("environment")}) {
    for (const Value& pair : *list)
      environment[std::string(pair.String("name"))] = pair.String("value");
  }
  environment["HOST"] = task.endpoint.address;
  RETURN_IF_ERROR(
      MountVolumes(host_, definition, {task.endpoint.address, &spec.argv, &environment}));
  spec.environment.assign(environment.begin(), environment.end());
  spec.directory = host_.StateDirectory(name()) / fmt::format("task-{}", task.slot);
  std::error_code error;
  std::filesystem::create_directories(spec.directory, error);
  if (error)
    return base::Exhausted(
        fmt::format("cannot make {}: {}", spec.directory.native(), error.message()));
  spec.log = spec.directory / "task.log";
  RETURN_IF_ERROR(host_.GiveToEngine(spec.directory));
  return spec;
}

void Ecs::Launch(const std::string& task_id) {
  Task* task = FindTask(task_id);
  if (task == nullptr || task->last_status != "PENDING") return;
  const auto fail = [&](const base::Error& error) {
    task->stop_code = "TaskFailedToStart";
    // Those of volumes say by themselves which it is.
    const bool named = error.message().find("Error: ") != std::string::npos;
    task->stopped_reason = (named ? "" : "CannotStartContainerError: ") + error.message();
    task->desired_status = "STOPPED";
    Finish(*task);
  };
  const auto spec = SpecFor(*task, *FindDefinition(task->definition));
  if (!spec.ok()) return fail(spec.error());
  const auto child =
      host_.Spawn(*spec, [this, task_id](ExitStatus status) { OnExit(task_id, status); });
  if (!child.ok()) return fail(child.error());
  task->child = *child;
  task->last_status = "RUNNING";
  task->started = host_.clock().Now();
  task->running_since = host_.clock().Monotonic();
  RegisterTargets(*task);
  if (!task->service.empty()) Reconcile(task->service);
}

void Ecs::OnExit(const std::string& task_id, ExitStatus status) {
  Task* task = FindTask(task_id);
  if (task == nullptr) return;
  task->child.reset();
  task->exit_code = status.signal != 0 ? 128 + status.signal : status.code;
  if (task->desired_status == "RUNNING") {
    task->desired_status = "STOPPED";
    task->stop_code = "EssentialContainerExited";
    task->stopped_reason = "Essential container in task exited";
  }
  Finish(*task);
}

// The end of a task, by itself or by request; its service counts those that should not have ended.
void Ecs::Finish(Task& task) {
  DeregisterTargets(task);
  task.last_status = "STOPPED";
  task.stopped = host_.clock().Now();
  const auto found = services_.find(task.service);
  if (found == services_.end()) return;
  TaskService& service = found->second;
  if (task.stop_code == "EssentialContainerExited" || task.stop_code == "TaskFailedToStart") {
    const base::MonotonicTime now = host_.clock().Monotonic();
    const bool lived_well =
        task.started.since_epoch.count() != 0 && now - task.running_since > kLivedWell;
    service.failures = lived_well ? 1 : service.failures + 1;
    const int doublings = std::min(service.failures - 1, 10);
    service.not_before =
        now + std::min<base::Duration>(kLongestBackOff, kFirstBackOff * (1 << doublings));
    service.steady = false;
    AddEvent(service,
             fmt::format("has stopped 1 tasks: (task {}). {}", task.id, task.stopped_reason));
    if (service.failures == kManyFailures) {
      AddEvent(service,
               "is unable to consistently start tasks successfully. For more information, see the "
               "log of the task.");
    }
  }
  ReconcileSoon(service.arn, 0s);
}

// Traffic first, then SIGTERM, then SIGKILL.
void Ecs::StopTaskNow(Task& task, std::string code, std::string reason) {
  task.desired_status = "STOPPED";
  task.stop_code = std::move(code);
  task.stopped_reason = std::move(reason);
  if (!task.child) return Finish(task);
  const bool balanced =
      !task.service.empty() && !services_.at(task.service).asked.Items("loadBalancers").empty();
  DeregisterTargets(task);
  task.last_status = "DEACTIVATING";
  const bool fast = host_.pace() == Pace::kFast;
  const auto signal_later = [this, id = task.id](base::Duration delay, int signal) {
    host_.After(delay, [this, id, signal] {
      Task* one = FindTask(id);
      if (one == nullptr || !one->child) return;
      one->last_status = "STOPPING";
      host_.Signal(*one->child, signal);
    });
  };
  const base::Duration drain = balanced ? (fast ? kDrainFast : kDrainAws) : base::Duration{0};
  signal_later(drain, SIGTERM);
  signal_later(drain + (fast ? kStopFast : kStopAws), SIGKILL);
}

void Ecs::ForEachGroup(
    const TaskService& service, const Task& task,
    const std::function<void(TargetRegistry&, const std::string&, const Endpoint&)>& act) {
  auto* registry = dynamic_cast<TargetRegistry*>(host_.Find("elbv2"));
  if (registry == nullptr) return;
  for (const Value& balancer : service.asked.Items("loadBalancers")) {
    const auto port = static_cast<std::uint16_t>(balancer.Int("containerPort", task.endpoint.port));
    act(*registry, std::string(balancer.String("targetGroupArn")), {task.endpoint.address, port});
  }
}

void Ecs::RegisterTargets(const Task& task) {
  const auto service = services_.find(task.service);
  if (service == services_.end()) return;
  ForEachGroup(service->second, task,
               [&](TargetRegistry& registry, const std::string& group, const Endpoint& endpoint) {
                 registry.Register(group, endpoint);
                 service->second.registered.push_back(endpoint);
                 AddEvent(service->second,
                          fmt::format("registered 1 targets in (target-group {})", group));
               });
  Save();
}

void Ecs::DeregisterTargets(const Task& task) {
  const auto service = services_.find(task.service);
  if (service == services_.end()) return;
  ForEachGroup(service->second, task,
               [&](TargetRegistry& registry, const std::string& group, const Endpoint& endpoint) {
                 const auto gone =
                     std::erase_if(service->second.registered, [&](const Endpoint& e) {
                       return e.address == endpoint.address && e.port == endpoint.port;
                     });
                 if (gone == 0) return;
                 registry.Deregister(group, endpoint);
                 AddEvent(service->second,
                          fmt::format("deregistered 1 targets in (target-group {})", group));
               });
  Save();
}

void Ecs::ForgetOldTasks() {
  while (true) {
    const Task* oldest = nullptr;
    std::size_t stopped = 0;
    for (const auto& [id, task] : tasks_) {
      if (task.last_status != "STOPPED") continue;
      ++stopped;
      if (oldest == nullptr || task.stopped < oldest->stopped) oldest = &task;
    }
    if (stopped <= kKeptStopped) return;
    tasks_.erase(tasks_.find(oldest->id));
  }
}

}  // namespace leeward::lab
