// FilesRestore: a new file system of a recovery point. Each stage leaves a mark of its own, so that
// a run that was cut off anywhere is finished by the next: the job has a token, what it made is
// tagged when it is whole, and gets the name when the files are where tasks look for them.
#include "base/bytes.h"
#include "steps/efs.h"
#include "steps/kms_keys.h"
#include "steps/rds.h"

namespace leeward::steps {
namespace {

using model::Efs;

constexpr char kTokenPrefix[] = "leeward-restore-";
constexpr std::size_t kLongestName = 28;  // of 64 that a creation token may have
constexpr std::size_t kTokenDigits = 16;

class FilesRestore {
 public:
  FilesRestore(const Work& work, const Efs& efs) : work_(work), efs_(efs) {}

  Result<StepOutcome> Run() {
    const base::MonotonicTime begin = work_.tools().clock.Monotonic();
    ASSIGN_OR_RETURN(const std::optional<FileSystem> before,
                     FindFileSystem(work_, work_.region(), efs_));
    std::string id, as_of;
    if (before) {
      id = before->id;
      as_of = before->restored_as_of;
    } else {
      ASSIGN_OR_RETURN(const BackupPoint point, FilesPointToRestore(work_, efs_));
      as_of = base::FormatIso8601(*point.begun);
      ASSIGN_OR_RETURN(id, Whole(point, SourceOf(point) + " " + as_of));
    }
    ASSIGN_OR_RETURN(const std::size_t targets, EnsureMountTargets(work_, efs_, id));
    if (!before) {
      RETURN_IF_ERROR(PlaceRestored(work_, efs_, id));
      RETURN_IF_ERROR(Tag(id, "Name", efs_.file_system));
    }
    const base::Duration took = work_.tools().clock.Monotonic() - begin;
    return StepOutcome{(before ? "is there already, as " : "restored as of " + as_of + ", ") + id +
                           ", " + std::to_string(targets) + " mount targets, " +
                           base::HumanDuration(took),
                       {{"file_system", id},
                        {"parted", as_of},
                        {"promoted_at", base::FormatIso8601(work_.tools().clock.Now())},
                        {"took_ns", std::to_string(took.count())}}};
  }

 private:
  static std::string SourceOf(const BackupPoint& point) {
    return point.resource.substr(point.resource.rfind('/') + 1);
  }
  std::string TokensBegin() const {
    return kTokenPrefix + work_.step().component.str().substr(0, kLongestName) + "-";
  }
  // A job that failed may have made its file system already.
  std::string Token() const {
    const std::string of = work_.application().name.str() + " " + work_.context().execution.str() +
                           " " + std::to_string(work_.context().attempt);
    return TokensBegin() + base::Sha256Hex(of).substr(0, kTokenDigits);
  }

  Status Tag(const std::string& id, const std::string& key, const std::string& value) {
    const Value tag = Value::Struct({{"Key", key}, {"Value", value}});
    const auto tagged =
        work_.CallPatiently(work_.region(), "efs", "TagResource",
                            Value::Struct({{"ResourceId", id}, {"Tags", Value::List{tag}}}));
    return tagged.ok() ? base::Ok() : Status(tagged.error());
  }

  // The file system that has all of the point: one that an earlier run made of the very same, or a
  // new one.
  Result<std::string> Whole(const BackupPoint& point, const std::string& mark) {
    ASSIGN_OR_RETURN(const std::string earlier, Earlier(mark));
    if (!earlier.empty()) return earlier;
    ASSIGN_OR_RETURN(const Value metadata, HowToRestore(point));
    work_.Say("restoring " + point.arn + " of " + base::FormatIso8601(*point.begun) + " as " +
              Place(efs_.file_system, work_.region()));
    ASSIGN_OR_RETURN(const std::string made,
                     RestoreNow(work_, KeptFiles(efs_, point.resource), point.arn, metadata));
    const std::string id = made.substr(made.rfind('/') + 1);
    RETURN_IF_ERROR(Tag(id, kRestoredTag, mark));
    return id;
  }

  // What else earlier runs left, half of another point or less, is nobody's: it says so by its
  // tags, and is not deleted.
  Result<std::string> Earlier(const std::string& mark) {
    ASSIGN_OR_RETURN(const Value answer,
                     work_.Pages(work_.region(), "efs", "DescribeFileSystems", Value::Struct()));
    std::string whole;
    for (const Value& told : answer.Items("FileSystems")) {
      const FileSystem system = ReadFileSystem(told);
      const bool ours = system.token.starts_with(TokensBegin()) && system.token != Token();
      const bool nameless = system.name.empty() && !system.aside;
      if (!nameless || system.state != "available") continue;
      if (!system.restored_of.empty() && system.restored_of + " " + system.restored_as_of == mark &&
          (ours || system.token == Token())) {
        whole = system.id;
      } else if (ours) {
        work_.Say(system.id + " is what an earlier restore left; putting it aside");
        RETURN_IF_ERROR(PutFilesAside(work_, system, AsideName(work_, efs_.file_system, "half")));
      }
    }
    return whole;
  }

  // As it was, under a key of this Region.
  Result<Value> HowToRestore(const BackupPoint& point) {
    ASSIGN_OR_RETURN(
        const Value told,
        work_.CallPatiently(work_.region(), "backup", "GetRecoveryPointRestoreMetadata",
                            Value::Struct({{"BackupVaultName", efs_.backup.vault},
                                           {"RecoveryPointArn", point.arn}})));
    const Value& was = told.Sub("RestoreMetadata");
    const bool encrypted = was.String("Encrypted") == "true" || !efs_.kms_key.empty();
    Value metadata =
        Value::Struct({{"file-system-id", SourceOf(point)},
                       {"newFileSystem", "true"},
                       {"CreationToken", Token()},
                       {"PerformanceMode", was.String("PerformanceMode", "generalPurpose")},
                       {"Encrypted", encrypted ? "true" : "false"}});
    if (!efs_.kms_key.empty()) {
      RETURN_IF_ERROR(NeedKmsKey(work_, work_.region(), efs_.kms_key));
      metadata.Set("KmsKeyId", efs_.kms_key);
    }
    return metadata;
  }

  const Work& work_;
  const Efs& efs_;
};

}  // namespace

Result<StepOutcome> EfsRestore(const Work& work) {
  ASSIGN_OR_RETURN(const Efs* efs, work.Component<Efs>());
  return FilesRestore(work, *efs).Run();
}

}  // namespace leeward::steps
