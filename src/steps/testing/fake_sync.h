// FakeSync: DataSync in two Regions, over the file systems of a FakeFiles: locations, tasks, and
// executions that end after they have been looked at a few times.
#pragma once

#include <string>
#include <vector>

#include "steps/testing/fake_files.h"

namespace leeward::steps::testing {

class FakeSync {
 public:
  struct Location {
    std::string arn, region, uri;
  };
  struct Task {
    std::string arn, region;
    Value asked;  // as CreateTask and UpdateTask have it
    std::string off_by;
  };
  struct Execution {
    std::string arn, task, status = "LAUNCHING";
    base::WallTime start;
    int looks = 2;  // until it is over
  };

  FakeSync(Shop& shop, FakeFiles& files) : shop_(shop), files_(files) {
    files_.Of("fs-home").mounted_in = {"us-east-1a"};
    On("ListLocations", &FakeSync::ListLocations);
    On("CreateLocationEfs", &FakeSync::CreateLocation);
    On("DeleteLocation", &FakeSync::DeleteLocation);
    On("ListTasks", &FakeSync::ListTasks);
    On("DescribeTask", &FakeSync::DescribeTask);
    On("CreateTask", &FakeSync::CreateTask);
    On("UpdateTask", &FakeSync::UpdateTask);
    On("DeleteTask", &FakeSync::DeleteTask);
    On("ListTaskExecutions", &FakeSync::ListExecutions);
    On("DescribeTaskExecution", &FakeSync::DescribeExecution);
    On("StartTaskExecution", &FakeSync::Start);
    On("CancelTaskExecution", &FakeSync::Cancel);
  }

  Location& AddLocation(const std::string& region, const std::string& id,
                        const std::string& folder = "") {
    locations.push_back({Arn(region, "location/loc-" + std::to_string(++made_)), region,
                         "efs://" + region + "." + id + "/" + folder});
    return locations.back();
  }
  Execution& AddExecution(const std::string& task, base::Duration ago, const std::string& status) {
    executions.push_back({task + "/execution/exec-" + std::to_string(++made_), task, status,
                          shop_.clock.Now() - ago});
    return executions.back();
  }
  Task& TaskIn(const std::string& region) {
    const auto found = std::find_if(tasks.begin(), tasks.end(),
                                    [&](const Task& one) { return one.region == region; });
    CHECK_MSG(found != tasks.end(), region.c_str());
    return *found;
  }

  std::vector<Location> locations;
  std::vector<Task> tasks;
  std::vector<Execution> executions;
  bool fails = false;       // executions do
  bool in_reverse = false;  // lists the newest first

 private:
  void On(const std::string& operation, Result<Value> (FakeSync::*answer)(const SeenCall& call)) {
    shop_.aws.On("datasync:" + operation, [this, answer](const SeenCall& call) -> Result<Value> {
      if (files_.dark.contains(call.options.region)) return base::Unreachable("no answer in 1.0 s");
      return (this->*answer)(call);
    });
  }
  static base::Error Invalid(const std::string& message) {
    return base::Error(base::ErrorCode::kInvalid, "datasync: InvalidRequestException: " + message)
        .WithServiceCode("InvalidRequestException");
  }
  static std::string Arn(const std::string& region, const std::string& resource) {
    return "arn:aws:datasync:" + region + ":123456789012:" + resource;
  }
  static bool IsOver(const Execution& one) {
    return one.status == "SUCCESS" || one.status == "ERROR";
  }
  Task* Find(const SeenCall& call) {
    for (Task& task : tasks) {
      if (task.arn == call.input.String("TaskArn") && task.region == call.options.region)
        return &task;
    }
    return nullptr;
  }
  bool Runs(const std::string& task) const {
    return std::any_of(executions.begin(), executions.end(),
                       [&](const Execution& one) { return one.task == task && !IsOver(one); });
  }
  void Advance(Execution& one) {
    if (IsOver(one) || --one.looks > 0) return;
    one.status = one.status == "CANCELLING" || fails ? "ERROR" : "SUCCESS";
  }

  Result<Value> ListLocations(const SeenCall& call) {
    Value::List told;
    for (const Location& one : locations) {
      if (one.region != call.options.region) continue;
      told.push_back(Value::Struct({{"LocationArn", one.arn}, {"LocationUri", one.uri}}));
    }
    return Value::Struct({{"Locations", told}});
  }
  Result<Value> CreateLocation(const SeenCall& call) {
    const std::string arn(call.input.String("EfsFilesystemArn"));
    const std::string& region = call.options.region;
    if (arn.find(":" + region + ":") == std::string::npos)
      return Invalid("its location is made in its own Region");
    const Location& made = AddLocation(region, arn.substr(arn.rfind('/') + 1));
    return Value::Struct({{"LocationArn", made.arn}});
  }
  Result<Value> DeleteLocation(const SeenCall& call) {
    std::erase_if(locations,
                  [&](const Location& one) { return one.arn == call.input.String("LocationArn"); });
    return Value::Struct();
  }
  Result<Value> ListTasks(const SeenCall& call) {
    Value::List told;
    for (const Task& task : tasks) {
      if (task.region == call.options.region)
        told.push_back(Value::Struct({{"TaskArn", task.arn}}));
    }
    return Value::Struct({{"Tasks", told}});
  }
  Result<Value> DescribeTask(const SeenCall& call) {
    const Task* task = Find(call);
    if (task == nullptr) return Invalid("Task is not found.");
    Value told = task->asked;
    told.Set("TaskArn", task->arn);
    if (!told.Has("Schedule")) return told;
    told.Find("Schedule")->Set("Status", task->off_by.empty() ? "ENABLED" : "DISABLED");
    Value details = Value::Struct({{"DisabledBy", task->off_by}});
    if (task->off_by == "SERVICE") details.Set("DisabledReason", "NetworkTimeout");
    return told.Set("ScheduleDetails", details);
  }
  Result<Value> CreateTask(const SeenCall& call) {
    const std::string& region = call.options.region;
    tasks.push_back({Arn(region, "task/task-" + std::to_string(++made_)), region, call.input, ""});
    return Value::Struct({{"TaskArn", tasks.back().arn}});
  }
  Result<Value> UpdateTask(const SeenCall& call) {
    Task* task = Find(call);
    if (task == nullptr) return Invalid("Task is not found.");
    for (const auto& [name, value] : call.input.members()) task->asked.Set(name, value);
    if (!call.input.Has("Schedule")) return Value::Struct();
    const bool off = call.input.Sub("Schedule").String("Status") == "DISABLED";
    task->off_by = off ? "USER" : "";
    return Value::Struct();
  }
  Result<Value> DeleteTask(const SeenCall& call) {
    const std::string arn(call.input.String("TaskArn"));
    if (Runs(arn)) return Invalid("The task has an execution that is under way.");
    std::erase_if(tasks, [&](const Task& task) { return task.arn == arn; });
    std::erase_if(executions, [&](const Execution& one) { return one.task == arn; });
    return Value::Struct();
  }
  Result<Value> ListExecutions(const SeenCall& call) {
    Value::List told;
    for (Execution& one : executions) {
      if (one.task != call.input.String("TaskArn")) continue;
      told.push_back(Value::Struct({{"TaskExecutionArn", one.arn}, {"Status", one.status}}));
      Advance(one);
    }
    if (in_reverse) std::reverse(told.begin(), told.end());
    return Value::Struct({{"TaskExecutions", told}});
  }
  Result<Value> DescribeExecution(const SeenCall& call) {
    for (Execution& one : executions) {
      if (one.arn != call.input.String("TaskExecutionArn")) continue;
      Advance(one);
      Value told = Value::Struct({{"Status", one.status}, {"StartTime", one.start}});
      if (one.status == "ERROR") {
        told.Set("Result", Value::Struct({{"ErrorCode", "VerificationFailed"},
                                          {"ErrorDetail", "one file differs"}}));
      }
      return told;
    }
    return Invalid("It is not found.");
  }
  Result<Value> Start(const SeenCall& call) {
    const Task* task = Find(call);
    if (task == nullptr) return Invalid("Task is not found.");
    if (Runs(task->arn)) return Invalid("Task has an execution that is under way.");
    return Value::Struct(
        {{"TaskExecutionArn", AddExecution(task->arn, base::Duration(0), "LAUNCHING").arn}});
  }
  Result<Value> Cancel(const SeenCall& call) {
    for (Execution& one : executions) {
      if (one.arn != call.input.String("TaskExecutionArn")) continue;
      if (IsOver(one)) return Invalid("Task execution has ended.");
      one.status = "CANCELLING";
      one.looks = 2;
    }
    return Value::Struct();
  }

  Shop& shop_;
  FakeFiles& files_;
  int made_ = 0;
};

}  // namespace leeward::steps::testing
