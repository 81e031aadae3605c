// ECS of one Region. A task is a real process of this machine: containerDefinitions[0].command
// (after entryPoint) is run as it stands; the image is kept as text, nothing is pulled.
//
// Each task has a literal address of its own in the Region's block, like a task in awsvpc mode,
// given to it as HOST; PORT is the container port unless the definition sets it. It binds HOST:PORT
// itself, and the Region's load balancer connects to it directly: that hop is inside the Region and
// does not pass the lab's network. Tasks die with their Region; after it is healed services start
// them anew.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lab/core/service.h"
#include "lab/services/elbv2.h"

namespace leeward::lab {

class Ecs : public Service {
 public:
  explicit Ecs(Host& host) : host_(host) {}

  std::string_view name() const override { return "ecs"; }
  std::vector<std::string_view> operations() const override;
  void Handle(const Call& call, Reply reply) override;
  base::Status Start() override;

 private:
  friend struct EcsOperations;

  struct Cluster {
    std::string arn, name;
    shapes::Value tags;
  };
  struct TaskService {
    std::string arn, name, cluster;  // the cluster's name
    std::string task_definition;     // ARN
    std::string status = "ACTIVE";   // ACTIVE | DRAINING | INACTIVE
    std::int64_t desired = 0;
    shapes::Value asked;  // the request that made it
    base::WallTime created, updated;
    std::string deployment;  // id
    bool steady = false;
    int failures = 0;                                            // of tasks, in a row: the back-off
    base::MonotonicTime not_before;                              // no new task earlier than this
    std::vector<std::pair<base::WallTime, std::string>> events;  // newest first
    std::vector<Endpoint> registered;                            // with its target groups
  };
  struct Task {
    std::string id, arn, cluster, service;  // service ARN; empty: by RunTask
    std::string definition, started_by, group;
    std::string last_status = "PROVISIONING";
    std::string desired_status = "RUNNING";
    std::string stop_code, stopped_reason;
    int slot = 0;
    Endpoint endpoint;
    std::optional<ChildId> child;
    std::optional<int> exit_code;
    base::WallTime created, started, stopped;
    base::MonotonicTime running_since;
    shapes::Value overrides, tags = shapes::Value::EmptyList();
    shapes::Value asked;  // by RunTask; with its clientToken, which begins it once
  };

  // Clusters and task definitions: ecs.cc.
  Answer CreateCluster(const shapes::Value& input);
  Answer DescribeClusters(const shapes::Value& input);
  Answer ListClusters(const shapes::Value& input);
  Answer DeleteCluster(const shapes::Value& input);
  Answer RegisterTaskDefinition(const shapes::Value& input);
  Answer DescribeTaskDefinition(const shapes::Value& input);
  Answer DeregisterTaskDefinition(const shapes::Value& input);
  Answer ListTaskDefinitions(const shapes::Value& input);
  Answer ListTagsForResource(const shapes::Value& input);
  // Services: ecs_services.cc.
  Answer CreateService(const shapes::Value& input);
  Answer UpdateService(const shapes::Value& input);
  Answer DeleteService(const shapes::Value& input);
  Answer DescribeServices(const shapes::Value& input);
  Answer ListServices(const shapes::Value& input);
  // Tasks: ecs_tasks.cc.
  Answer RunTask(const shapes::Value& input);
  Answer StopTask(const shapes::Value& input);
  Answer DescribeTasks(const shapes::Value& input);
  Answer ListTasks(const shapes::Value& input);

  const Cluster* FindCluster(const shapes::Value& input, std::string_view member = "cluster") const;
  // By ARN, "family:revision" or "family" (its newest active one); nullptr.
  const shapes::Value* FindDefinition(std::string_view text) const;
  TaskService* FindService(std::string_view cluster, std::string_view text);
  Task* FindTask(std::string_view text);

  shapes::Value ClusterShape(const Cluster& cluster) const;
  shapes::Value ServiceShape(const TaskService& service) const;
  shapes::Value DeploymentsShape(const TaskService& service) const;
  shapes::Value TaskShape(const Task& task) const;
  std::int64_t CountTasks(const TaskService& service, std::string_view last_status) const;

  // Brings the service's tasks to what is wanted; safe to call at any time.
  void Reconcile(const std::string& service_arn);
  void ReconcileSoon(const std::string& service_arn, base::Duration delay);
  void CheckSteady(TaskService& service);
  void AddEvent(TaskService& service, std::string text);
  std::optional<Answer> BegunBefore(const shapes::Value& input) const;
  Task& NewTask(const std::string& cluster, const shapes::Value& definition);
  void Launch(const std::string& task_id);
  base::Result<ChildSpec> SpecFor(const Task& task, const shapes::Value& definition);
  void OnExit(const std::string& task_id, ExitStatus status);
  void StopTaskNow(Task& task, std::string code, std::string reason);
  void Finish(Task& task);
  void ForEachGroup(
      const TaskService& service, const Task& task,
      const std::function<void(TargetRegistry&, const std::string&, const Endpoint&)>& act);
  void RegisterTargets(const Task& task);
  void DeregisterTargets(const Task& task);
  void ForgetOldTasks();
  int FreeSlot() const;

  void Save();
  base::Status Load();

  Host& host_;
  std::map<std::string, Cluster, std::less<>> clusters_;  // by name
  std::map<std::string, std::vector<shapes::Value>, std::less<>>
      definitions_;                                           // by family; index + 1 = revision
  std::map<std::string, TaskService, std::less<>> services_;  // by ARN
  std::map<std::string, Task, std::less<>> tasks_;            // by id
};

std::unique_ptr<Service> MakeEcs(Host& host);

}  // namespace leeward::lab
