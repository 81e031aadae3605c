// SyncRun: an execution that began after a given time, awaited to its good end. One that is under
// way is waited for, since DataSync runs one of a task at a time; what began too early for us is
// followed by one of our own.
#include "steps/datasync.h"

namespace leeward::steps {
namespace {

using base::ErrorCode;

constexpr int kMostRefusals = 5;  // of StartTaskExecution, each after a new look

class SyncRun {
 public:
  SyncRun(const Work& work, std::string task, base::WallTime since)
      : work_(work), task_(std::move(task)), since_(since), ask_(AskSyncIn(work, work.region())) {}

  Result<base::WallTime> Await() {
    const auto whole = work_.Await<base::WallTime>("an execution of " + task_ + " in " +
                                                       work_.region().str() + " that began after " +
                                                       base::FormatIso8601(since_) + " to succeed",
                                                   work_.ApiPace(), [this] { return Look(); });
    if (whole.ok() || last_.empty()) return whole;
    return base::Error(whole.error()).Context(last_);
  }

 private:
  using Seen = Result<std::optional<base::WallTime>>;

  Seen Look() {
    if (!followed_.empty()) return Follow();
    ASSIGN_OR_RETURN(const std::optional<base::WallTime> whole, NewestWhole(ask_, task_, since_));
    if (whole) return whole;
    ASSIGN_OR_RETURN(const std::vector<std::string> under_way,
                     ExecutionsUnderWay(work_, work_.region(), task_));
    if (!under_way.empty()) {
      followed_ = under_way.front();
      work_.Say(followed_ + " is under way; waiting for its end");
      return std::optional<base::WallTime>();
    }
    RETURN_IF_ERROR(Start());
    return std::optional<base::WallTime>();
  }

  Status Start() {
    const auto started = ask_("StartTaskExecution", Value::Struct({{"TaskArn", task_}}));
    if (started.ok()) {
      followed_ = started->String("TaskExecutionArn");
      own_ = true;
      work_.Say("started " + followed_);
      return base::Ok();
    }
    // Its schedule may have begun one since the look.
    if (started.error().code() != ErrorCode::kInvalid || ++refused_ >= kMostRefusals)
      return started.error();
    last_ = started.error().message();
    work_.Say(last_);
    return base::Ok();
  }

  Seen Follow() {
    ASSIGN_OR_RETURN(const Value told, ask_("DescribeTaskExecution",
                                            Value::Struct({{"TaskExecutionArn", followed_}})));
    const std::string status(told.String("Status"));
    if (status != seen_) work_.Say(followed_ + " is " + status);
    seen_ = status;
    if (status != "SUCCESS" && status != "ERROR") return std::optional<base::WallTime>();
    const Value* start = told.Find("StartTime");
    const bool late_enough = start != nullptr && start->is_time() && start->time() >= since_;
    if (status == "SUCCESS" && late_enough) return std::optional(start->time());
    if (status == "ERROR" && own_) return Failed(told.Sub("Result"));
    followed_.clear();
    own_ = false;
    return std::optional<base::WallTime>();
  }

  base::Error Failed(const Value& result) const {
    const std::string code(result.String("ErrorCode"));
    return base::WrongState(followed_ + " failed (" + (code.empty() ? "no code" : code) + ": " +
                            std::string(result.String("ErrorDetail")) +
                            "); put that right and run the same again");
  }

  const Work& work_;
  const std::string task_;
  const base::WallTime since_;
  const AskSync ask_;
  std::string followed_, seen_, last_;
  bool own_ = false;  // started here
  int refused_ = 0;
};

}  // namespace

Result<base::WallTime> RunSince(const Work& work, const std::string& task, base::WallTime since) {
  return SyncRun(work, task, since).Await();
}

}  // namespace leeward::steps
