#include "steps/files.h"

#include <algorithm>

#include "decide/decide.h"

namespace leeward::steps {
namespace {

bool IsGoing(const FileSystem& system) {
  return system.state == "deleting" || system.state == "deleted";
}

// A tag that somebody has changed still says that it is a copy, and not since when.
void ReadCopyTag(std::string_view value, FileSystem& system) {
  const std::size_t space = value.find(' ');
  system.copy_of = value.empty() ? "?" : std::string(value.substr(0, space));
  if (space == std::string_view::npos) return;
  const auto since = base::ParseIso8601(value.substr(space + 1));
  if (since.ok()) system.copy_since = *since;
}

}  // namespace

FileSystem ReadFileSystem(const Value& told) {
  FileSystem system;
  system.id = told.String("FileSystemId");
  system.arn = told.String("FileSystemArn");
  system.token = told.String("CreationToken");
  system.name = told.String("Name");
  system.state = told.String("LifeCycleState");
  system.zone = told.String("AvailabilityZoneName");
  system.protection = told.Sub("FileSystemProtection").String("ReplicationOverwriteProtection");
  system.encrypted = told.Flag("Encrypted", false);
  system.bytes = told.Sub("SizeInBytes").Int("Value");
  for (const char* mode : {"PerformanceMode", "ThroughputMode", "ProvisionedThroughputInMibps"}) {
    if (const Value* value = told.Find(mode)) system.modes.emplace_back(mode, *value);
  }
  for (const Value& tag : told.Items("Tags")) {
    if (tag.String("Key") == "Name") system.name = tag.String("Value");
    if (tag.String("Key") == kAsideTag) system.aside = true;
    if (tag.String("Key") == kCopyTag) ReadCopyTag(tag.String("Value"), system);
    if (tag.String("Key") == kRestoredTag) {
      const std::string_view value = tag.String("Value");
      const std::size_t space = std::min(value.find(' '), value.size());
      system.restored_of = value.substr(0, space);
      system.restored_as_of = value.substr(std::min(space + 1, value.size()));
    }
  }
  return system;
}

std::vector<FileSystem> Named(const Value& answer, const std::string& name) {
  std::vector<FileSystem> found;
  for (const Value& told : answer.Items("FileSystems")) {
    FileSystem system = ReadFileSystem(told);
    const bool named = system.name == name || system.token == name;
    if (named && !system.aside && !IsGoing(system)) found.push_back(std::move(system));
  }
  return found;
}

Result<std::optional<FileSystem>> FindFileSystem(const Work& work, const Region& region,
                                                 const model::Files& files) {
  ASSIGN_OR_RETURN(const Value answer,
                   work.Pages(region, "efs", "DescribeFileSystems", Value::Struct()));
  std::vector<FileSystem> found = Named(answer, files.file_system);
  if (found.empty()) return std::optional<FileSystem>();
  if (found.size() > 1) {
    return base::WrongState("there are " + std::to_string(found.size()) + " file systems named '" +
                            files.file_system + "' in " + region.str() + ", " + found[0].id +
                            " and " + found[1].id +
                            " among them; give all but one another Name tag");
  }
  return std::optional<FileSystem>(std::move(found.front()));
}

Result<FileSystem> NeedFileSystem(const Work& work, const Region& region,
                                  const model::Files& files) {
  ASSIGN_OR_RETURN(std::optional<FileSystem> found, FindFileSystem(work, region, files));
  if (found) return *std::move(found);
  return base::NotFound("there is no EFS file system '" + files.file_system + "' in " +
                        region.str() +
                        ", by creation token or Name tag; check `file-system` in the spec");
}

Result<std::optional<FileSystem>> DescribeFileSystem(const Work& work, const Region& region,
                                                     const std::string& id) {
  const auto answer = work.CallPatiently(region, "efs", "DescribeFileSystems",
                                         Value::Struct({{"FileSystemId", id}}));
  if (!answer.ok() && answer.error().code() == base::ErrorCode::kNotFound)
    return std::optional<FileSystem>();
  if (!answer.ok()) return answer.error();
  const Value::List& systems = answer->Items("FileSystems");
  if (systems.empty()) return std::optional<FileSystem>();
  return std::optional<FileSystem>(ReadFileSystem(systems.front()));
}

Result<FileSystem> FileSystemIn(const Work& work, const model::Files& files, const Region& region) {
  const std::string known(work.Fact(work.step().component, region, "file-system.id"));
  if (known.empty()) return NeedFileSystem(work, region, files);
  ASSIGN_OR_RETURN(std::optional<FileSystem> found, DescribeFileSystem(work, region, known));
  // What this plan has put aside has a successor, which the inventory learns of at the end.
  if (found && found->aside) return NeedFileSystem(work, region, files);
  if (found) return *std::move(found);
  return base::NotFound("the file system " + known + " that the inventory knows as " +
                        Place(files.file_system, region) +
                        " is gone; run `leeward protect` where its data still is");
}

Status CheckFits(const model::Files& files, const Region& region, const FileSystem& system) {
  const std::string place = FilesPlace(files, system, region);
  if (!system.zone.empty()) {
    return base::WrongState(place + " is a One Zone file system: it is gone with " + system.zone +
                            " alone; create a Regional one and copy the files");
  }
  if (system.state != "available")
    return base::WrongState(place + " is " + system.state + "; wait until it is available");
  return base::Ok();
}

std::string FilesPlace(const model::Files& files, const FileSystem& system, const Region& region) {
  return Place(files.file_system + " (" + system.id + ")", region);
}

StepOutcome FilesBound(const Work& work, const std::optional<base::WallTime>& arrived,
                       const BoundWords& words) {
  model::StoreLag lag;
  lag.component = work.step().component;
  lag.read_at = work.tools().clock.Now();
  lag.newest_visible = arrived;
  const decide::LossBound bound = decide::BoundOf(lag, lag.read_at, work.limits().clock_margin);
  StepOutcome outcome;
  outcome.outputs["read_at"] = base::FormatIso8601(lag.read_at);
  outcome.outputs["clock_margin_ns"] = std::to_string(work.limits().clock_margin.count());
  if (!bound.bound) {
    outcome.detail = "unknown: the first copy to " + work.region().str() + " " + words.not_whole;
    return outcome;
  }
  outcome.outputs["bound_ns"] = std::to_string(bound.bound->count());
  outcome.outputs["newest_visible"] = base::FormatIso8601(*arrived);
  outcome.outputs["source"] = words.source;
  outcome.detail = "at most " + base::HumanDuration(*bound.bound) + " of writes, by " + words.by;
  return outcome;
}

Status PutFilesAside(const Work& work, const FileSystem& old, const std::string& name) {
  const Value::List tags = {Value::Struct({{"Key", "Name"}, {"Value", name}}),
                            Value::Struct({{"Key", kAsideTag}, {"Value", name}})};
  const auto tagged = work.CallPatiently(work.region(), "efs", "TagResource",
                                         Value::Struct({{"ResourceId", old.id}, {"Tags", tags}}));
  return tagged.ok() ? base::Ok() : Status(tagged.error());
}

std::string KindBeside(const Work& work, const std::string& kind) {
  const std::string& own = work.step().kind.str();
  return own.substr(0, own.find('.') + 1) + kind;
}

bool WasDrained(const Work& work) {
  if (work.Output(KindBeside(work, "drain-to"), "complete") != "yes") return false;
  const std::string quiesce = KindBeside(work, "quiesce");
  for (const model::Step& step : work.context().plan.steps) {
    if (step.kind.str() == quiesce && step.component == work.step().component)
      return step.region == work.region();
  }
  return false;
}

}  // namespace leeward::steps
