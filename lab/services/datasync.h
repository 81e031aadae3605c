// The lab's DataSync in one Region: locations in EFS file systems of this Region, tasks, and their
// executions.
//
// A task may be in the Region of either of its locations. The files are always brought by the
// destination's Region, which asks the source's (datasync_copy.cc); the task's Region follows that
// from afar (datasync_run.cc).
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lab/core/service.h"
#include "lab/services/datasync_checks.h"
#include "lab/services/datasync_copy.h"
#include "lab/services/dispatch.h"
#include "lab/services/flow.h"

namespace leeward::lab::datasync {

inline constexpr int kIdDigits = 17;  // of everything that has an id

struct Limits {
  std::size_t tasks = 100;
  std::size_t locations = 1000;
  std::size_t executions = 500;         // kept, over all tasks
  base::Duration call{2'000'000'000};   // to another Region's control plane
  base::Duration poll{200'000'000};     // between looks at a copy elsewhere
  base::Duration lost{60'000'000'000};  // that a copy elsewhere may be out of sight
  base::Duration look{1'000'000'000};   // between looks at the schedules
  int failures = 5;                     // of the same kind, until a schedule is switched off
};

struct Location {
  std::string id;
  std::string file_system;
  std::string folder;  // in it; "" for all of it
  base::WallTime created;
  shapes::Value network;  // Ec2Config
  shapes::Value tags = shapes::Value::EmptyList();
};

struct Task {
  std::string id;
  shapes::Value asked;  // as CreateTask has it, with what UpdateTask changed
  shapes::Value tags = shapes::Value::EmptyList();
  base::WallTime created;
  base::WallTime scheduled_from;  // the schedule counts from here
  base::WallTime looked_at;       // what was due before has been begun
  std::string current;            // execution that is under way
  std::string disabled_by;        // USER, SERVICE; empty: the schedule is on
  std::string disabled_reason;
  base::WallTime schedule_changed;
  std::string last_error;
  int failures = 0;  // of last_error, in a row
};

struct Execution {
  std::string id;
  std::string task;
  std::string status = "LAUNCHING";
  shapes::Value options;
  std::string includes;
  std::string excludes;
  base::WallTime started;
  base::WallTime ended;
  base::WallTime phase_began;
  shapes::Value result = shapes::Value::Struct();  // a TaskExecutionResultDetail
  CopyCounts counts;
  bool cancelling = false;
};

class DataSync : public Service {
 public:
  explicit DataSync(Host& host);
  ~DataSync() override;

  std::string_view name() const override { return "datasync"; }
  std::vector<std::string_view> operations() const override { return OperationNames(Table()); }
  void Handle(const Call& call, Reply reply) override;
  base::Status Start() override;
  void HandleInternal(std::string_view operation, const shapes::Value& input, Reply reply) override;

  Limits limits;
  efs::PullLimits pull;

 private:
  using Value = shapes::Value;
  static std::span<const OperationRow<DataSync>> Table();
  static std::span<const OperationRow<DataSync>> InternalTable();

  // datasync.cc
  Answer CreateLocationEfs(const Value& input);
  Answer DescribeLocationEfs(const Value& input);
  Answer ListLocations(const Value& input);
  Answer DeleteLocation(const Value& input);
  Answer TagResource(const Value& input);
  Answer UntagResource(const Value& input);
  Answer ListTagsForResource(const Value& input);
  Answer KnowLocation(const Value& input);
  Problem CheckNetwork(const Value& network) const;
  Value* TagsOf(std::string_view arn);
  void DropScratch(const Location& location) const;
  const Location* FindLocation(std::string_view arn) const;
  std::string UriOf(const Location& location) const;
  Answer Listed(const Value& input, std::string_view key, const Value::List& items) const;
  void ServeTree(std::string_view operation, const Value& input, const Reply& reply);
  void Load(const Value& state);
  void Save();

  // datasync_tasks.cc
  void CreateTask(const Value& input, Reply reply);
  Flow<> AddTask(Value input, Reply reply);
  Answer UpdateTask(const Value& input);
  Answer DescribeTask(const Value& input);
  Answer ListTasks(const Value& input);
  Answer DeleteTask(const Value& input);
  Task* FindTask(std::string_view arn);
  std::string_view StatusOf(const Task& task) const;
  void SetSchedule(Task& task, const Value& schedule);
  void SwitchOff(Task& task, std::string_view by, std::string reason);
  Flow<> RunSchedules();
  void LookAtSchedule(Task& task);

  // datasync_run.cc
  Answer StartTaskExecution(const Value& input);
  Answer UpdateTaskExecution(const Value& input);
  Answer CancelTaskExecution(const Value& input);
  Answer DescribeTaskExecution(const Value& input);
  Answer ListTaskExecutions(const Value& input);
  Execution& AddExecution(Task& task, const Value& input);
  Execution* FindExecution(std::string_view arn);
  std::string ArnOf(const Execution& execution) const;
  Flow<> Run(std::string id);
  Flow<> Follow(std::string id, std::string region);
  void TakeState(Execution& execution, const Value& state);
  void PassTo(Execution& execution, std::string_view phase);
  void SetPhase(Execution& execution, std::string_view status);
  void Fail(Execution& execution, std::string_view code, std::string detail);
  void End(Execution& execution, std::string_view status);
  void WriteLog(const Execution& execution) const;
  Value ShownResult(const Execution& execution) const;

  // datasync_copy.cc's, in the destination's Region.
  Answer BeginCopy(const Value& input);
  Answer StateOfCopy(const Value& input);
  Answer EndCopy(const Value& input);

  Host& host_;
  std::map<std::string, Location, std::less<>> locations_;
  std::map<std::string, Task, std::less<>> tasks_;
  std::map<std::string, Execution, std::less<>> executions_;
  std::deque<std::string> order_;  // of executions, oldest first

  // Not saved.
  std::map<std::string, std::shared_ptr<Copy>, std::less<>> copies_;  // by execution
};

}  // namespace leeward::lab::datasync

namespace leeward::lab {
std::unique_ptr<Service> MakeDataSync(Host& host);
}
