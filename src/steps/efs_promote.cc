// FilesPromotion: a replica takes writes when its replication is deleted. In both Regions if both
// answer, so that the old side is left clean; else in this one alone.
#include "steps/efs.h"

namespace leeward::steps {
namespace {

using base::ErrorCode;
using model::Efs;

class FilesPromotion {
 public:
  FilesPromotion(const Work& work, const Efs& efs, std::string id)
      : work_(work), efs_(efs), id_(std::move(id)) {}

  Result<StepOutcome> Run(bool source_lost) {
    const base::MonotonicTime begin = work_.tools().clock.Monotonic();
    alone_ = source_lost;
    const auto writable =
        work_.Await<bool>(place() + " to take writes", work_.ApiPace(), [this] { return Look(); });
    if (!writable.ok()) return Explained(writable.error());
    const base::Duration took = work_.tools().clock.Monotonic() - begin;
    return StepOutcome{Told() + ", takes writes by EFS's word, " + base::HumanDuration(took),
                       {{"how", how_},
                        {"promoted_at", base::FormatIso8601(work_.tools().clock.Now())},
                        {"file_system", id_},
                        {"parted", parted_ ? base::FormatIso8601(*parted_) : ""}}};
  }

 private:
  std::string place() const { return Place(efs_.file_system + " (" + id_ + ")", work_.region()); }
  const Region& other() const { return work_.Other(work_.region()); }

  std::string Told() const {
    if (how_ == "already") return "was promoted already";
    if (how_ == "both") return "its replication is deleted in both Regions";
    return "its replication is deleted here alone, since " + other().str() + " did not answer";
  }

  base::Error Explained(const base::Error& error) const {
    return last_.empty() ? error : base::Error(error).Context(last_);
  }

  Result<std::optional<bool>> Look() {
    ASSIGN_OR_RETURN(const std::optional<FileSystem> system,
                     DescribeFileSystem(work_, work_.region(), id_));
    if (!system) return base::NotFound(place() + " is gone; there is nothing to promote");
    ASSIGN_OR_RETURN(const std::optional<Replication> replication,
                     ReplicationOf(work_, work_.region(), id_));
    if (TakesWrites(*system, replication)) return std::optional<bool>(true);
    if (replication && replication->last_replicated) parted_ = replication->last_replicated;
    if (replication && replication->status != "DELETING" && !asked_)
      RETURN_IF_ERROR(Ask(replication->source_id));
    return std::optional<bool>();
  }

  Status Ask(const std::string& source) {
    if (!alone_) RETURN_IF_ERROR(AskBoth(source));
    if (asked_ || !alone_) return base::Ok();
    const auto answer = Delete(source, "LOCAL_CONFIGURATION_ONLY", work_.limits().call);
    return Take(answer, "here alone");
  }

  // Of an other Region that does not answer nothing is known but that; EFS offers the local mode
  // for then.
  Status AskBoth(const std::string& source) {
    const auto answer = Delete(source, "ALL_CONFIGURATIONS", work_.limits().both_regions);
    if (answer.ok()) return Take(answer, "both");
    const ErrorCode code = answer.error().code();
    alone_ = code == ErrorCode::kUnreachable || code == ErrorCode::kService ||
             answer.error().service_code() == "BadRequest";
    if (!alone_) return Take(answer, "both");
    last_ = answer.error().message();
    work_.Say(place() + ": " + other().str() + " does not agree (" + last_ +
              "); deleting the replication here alone");
    return base::Ok();
  }

  Result<Value> Delete(const std::string& source, const char* mode, base::Duration limit) {
    return work_.CallFor(limit, work_.region(), "efs", "DeleteReplicationConfiguration",
                         Value::Struct({{"SourceFileSystemId", source}, {"DeletionMode", mode}}));
  }

  // What may get better is asked again; somebody else's deletion is as good.
  Status Take(const Result<Value>& answer, const char* how) {
    if (answer.ok() || answer.error().code() == ErrorCode::kNotFound) {
      asked_ = true;
      how_ = how;
      return base::Ok();
    }
    last_ = answer.error().message();
    work_.Say(place() + ": " + last_);
    return answer.error();
  }

  const Work& work_;
  const Efs& efs_;
  const std::string id_;
  bool alone_ = false, asked_ = false;
  std::string how_ = "already", last_;
  std::optional<base::WallTime> parted_;
};

}  // namespace

Result<StepOutcome> EfsPromote(const Work& work) {
  ASSIGN_OR_RETURN(const Efs* efs, work.Component<Efs>());
  ASSIGN_OR_RETURN(const std::string source, work.Parameter("source"));
  ASSIGN_OR_RETURN(const FileSystem system, FileSystemIn(work, *efs, work.region()));
  return FilesPromotion(work, *efs, system.id).Run(source == "lost");
}

}  // namespace leeward::steps
