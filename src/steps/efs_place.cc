// AWS Backup never overwrites anything: it restores into "aws-backup-restore_TIME" in the root, and
// no call tells that name. So one task that has the file system mounted, with the image and the
// network of a service that is to mount it, gives the folder a name that is known: one rename,
// however many files there are, and the folder keeps owner and permissions.
#include <algorithm>

#include "base/bytes.h"
#include "steps/ecs.h"
#include "steps/efs.h"

namespace leeward::steps {
namespace {

constexpr char kMountedAt[] = "/mnt/leeward-restore";
constexpr std::size_t kRunTokenDigits = 32;
constexpr std::int64_t kNotOneFolder = 3;

// $1 is the root, $2 the folder's name. What was restored once and is restored again has its
// folder within the new one. Run again it finds that all is done.
constexpr char kScript[] = R"sh(set -eu
cd "$1"
if [ -d "$2" ]; then exit 0; fi
found=
for each in aws-backup-restore_*; do
  [ -d "$each" ] || continue
  [ -z "$found" ] || exit 3
  found=$each
done
[ -n "$found" ] || exit 3
if [ -d "$found/$2" ]; then
  mv "$found/$2" "$2"
  rmdir "$found" || true
else
  mv "$found" "$2"
fi
)sh";

class Placing {
 public:
  Placing(const Work& work, const model::Efs& efs, const std::string& id)
      : work_(work), place_(Place(efs.file_system + " (" + id + ")", work.region())), id_(id) {}

  Status Run() {
    RETURN_IF_ERROR(FindWriter());
    ASSIGN_OR_RETURN(const std::string definition, Register());
    const Status done = RunTask(definition);
    // A definition that is left costs nothing, and the next run makes its own.
    (void)Call("DeregisterTaskDefinition", Value::Struct({{"taskDefinition", definition}}));
    return done;
  }

 private:
  Result<Value> Call(std::string_view operation, const Value& input) {
    return work_.CallPatiently(work_.region(), "ecs", operation, input);
  }

  // The first of those that are to mount it that is there.
  Status FindWriter() {
    ASSIGN_OR_RETURN(const std::vector<const model::Ecs*> writers, WritersOf(work_));
    for (const model::Ecs* ecs : writers) {
      ASSIGN_OR_RETURN(const std::optional<Value> found,
                       DescribeService(work_, work_.region(), *ecs));
      if (!found) continue;
      ecs_ = ecs;
      service_ = *found;
      ASSIGN_OR_RETURN(const Value told,
                       Call("DescribeTaskDefinition",
                            Value::Struct({{"taskDefinition", found->String("taskDefinition")}})));
      runs_ = told.Sub("taskDefinition");
      return base::Ok();
    }
    return base::NotFound("there is no service in " + work_.region().str() + " that mounts " +
                          place_ + ", so no task can be run that does; run `leeward protect`");
  }

  const Value& Container() const {
    const Value::List& all = runs_.Items("containerDefinitions");
    const auto mounts = std::find_if(
        all.begin(), all.end(), [](const Value& one) { return !one.Items("mountPoints").empty(); });
    return mounts == all.end() ? all.front() : *mounts;
  }

  Result<std::string> Register() {
    if (runs_.Items("containerDefinitions").empty())
      return base::WrongState("service " + ecs_->service + " runs no container");
    const Value& theirs = Container();
    // Root's own directory is renamed in, whoever the image's user is.
    Value container = Value::Struct(
        {{"name", "place"},
         {"image", theirs.String("image")},
         {"essential", true},
         {"user", "0"},
         {"entryPoint", Value::List{"/bin/sh", "-c"}},
         {"command", Value::List{kScript, "place", kMountedAt, kRestoredRoot + 1}},
         {"mountPoints", Value::List{Value::Struct(
                             {{"sourceVolume", "restored"}, {"containerPath", kMountedAt}})}}});
    for (const char* name : {"cpu", "memory", "memoryReservation", "logConfiguration"}) {
      if (const Value* member = theirs.Find(name)) container.Set(name, *member);
    }
    const Value volume = Value::Struct(
        {{"name", "restored"}, {"efsVolumeConfiguration", Value::Struct({{"fileSystemId", id_}})}});
    Value definition = Value::Struct({{"family", "leeward-place-" + work_.application().name.str() +
                                                     "-" + work_.step().component.str()},
                                      {"containerDefinitions", Value::List{container}},
                                      {"volumes", Value::List{volume}}});
    for (const char* name : {"executionRoleArn", "networkMode", "requiresCompatibilities", "cpu",
                             "memory", "runtimePlatform"}) {
      if (const Value* member = runs_.Find(name)) definition.Set(name, *member);
    }
    ASSIGN_OR_RETURN(const Value made, Call("RegisterTaskDefinition", definition));
    return std::string(made.Sub("taskDefinition").String("taskDefinitionArn"));
  }

  Status RunTask(const std::string& definition) {
    const std::string token =
        base::Sha256Hex(work_.context().execution.str() + " " + id_ + " " + definition);
    Value input = Value::Struct({{"cluster", ecs_->cluster},
                                 {"taskDefinition", definition},
                                 {"startedBy", "leeward"},
                                 {"clientToken", token.substr(0, kRunTokenDigits)}});
    for (const char* name :
         {"launchType", "platformVersion", "networkConfiguration", "capacityProviderStrategy"}) {
      const Value* member = service_.Find(name);
      if (member != nullptr && !(member->is_list() && member->list().empty()))
        input.Set(name, *member);
    }
    ASSIGN_OR_RETURN(const Value started, Call("RunTask", input));
    if (started.Items("tasks").empty()) {
      const Value::List& failures = started.Items("failures");
      return base::ServiceBroken("no task could be run that mounts " + place_ + ": " +
                                 (failures.empty()
                                      ? std::string("no reason was told")
                                      : std::string(failures.front().String("reason"))));
    }
    ASSIGN_OR_RETURN(const Value ended,
                     AwaitEnd(std::string(started.Items("tasks").front().String("taskArn"))));
    return Judge(ended);
  }

  Result<Value> AwaitEnd(const std::string& task) {
    const Value of = Value::Struct({{"cluster", ecs_->cluster}, {"tasks", Value::List{task}}});
    return work_.Await<Value>("the task that names what was restored to end", work_.ApiPace(),
                              [&]() -> Result<std::optional<Value>> {
                                ASSIGN_OR_RETURN(const Value told, Call("DescribeTasks", of));
                                if (told.Items("tasks").empty()) return std::optional<Value>();
                                const Value& now = told.Items("tasks").front();
                                if (now.String("lastStatus") != "STOPPED")
                                  return std::optional<Value>();
                                return std::optional<Value>(now);
                              });
  }

  Status Judge(const Value& task) const {
    const Value::List& containers = task.Items("containers");
    const Value* code = containers.empty() ? nullptr : containers.front().Find("exitCode");
    if (code == nullptr) {
      return base::ServiceBroken("the task that mounts " + place_ + " did not run: " +
                                 std::string(task.String("stoppedReason", "no reason was told")) +
                                 "; its image has to have /bin/sh, as that of " + ecs_->service);
    }
    const std::int64_t exit = containers.front().Int("exitCode");
    if (exit == 0) return base::Ok();
    if (exit == kNotOneFolder) {
      return base::WrongState(place_ +
                              " has not exactly one folder aws-backup-restore_..., as AWS Backup "
                              "makes it; mount it, see where the files are, and make that folder " +
                              kRestoredRoot + ", then run the same command again");
    }
    return base::ServiceBroken("the task that names the restored folder of " + place_ +
                               " ended with " + std::to_string(exit) + "; its image is that of " +
                               ecs_->service + ", and needs /bin/sh and mv");
  }

  const Work& work_;
  const std::string place_, id_;
  const model::Ecs* ecs_ = nullptr;
  Value service_, runs_;
};

}  // namespace

std::string PlacingScript() { return kScript; }

Status PlaceRestored(const Work& work, const model::Efs& efs, const std::string& id) {
  return Placing(work, efs, id).Run();
}

}  // namespace leeward::steps
