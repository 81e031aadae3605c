// EFS file systems: a recovery point is a copy of the tree, a restore copies it back into a folder
// of its own in the root, as AWS Backup never overwrites anything.
#include <fmt/format.h>

#include <algorithm>

#include "lab/services/backup_ask.h"
#include "lab/services/backup_checks.h"
#include "lab/services/backup_resource.h"
#include "lab/services/backup_trees.h"
#include "lab/services/file_systems.h"
#include "lab/services/region_links.h"
#include "lab/trees/beneath.h"

namespace leeward::lab::backup {
namespace {

using shapes::Value;
namespace fs = std::filesystem;

constexpr std::string_view kFileSystem = "file-system/";
constexpr base::Duration kLookAgain = std::chrono::milliseconds(50);
constexpr base::Duration kMadeWithin = std::chrono::minutes(5);
constexpr std::size_t kMostItems = 1000;

// "aws-backup-restore_2026-11-23T08-20-53-123Z".
std::string RestoredFolder(base::WallTime now) {
  std::string time = base::FormatIso8601(now);
  std::ranges::replace_if(
      time, [](char c) { return c == ':' || c == '.'; }, '-');
  return "aws-backup-restore_" + time;
}

bool IsTrue(const Value& asked, std::string_view name) { return asked.String(name) == "true"; }

// Paths as people write them, of ItemsToRestore; kInvalid for what is no list of absolute paths.
base::Result<std::vector<std::string>> ItemsOf(const Value& asked) {
  std::vector<std::string> items;
  for (const char* name : {"ItemsToRestore", "itemsToRestore"}) {
    const std::string_view text = asked.String(name);
    if (text.empty()) continue;
    const auto list = shapes::FromJson(text);
    if (!list.ok() || !list->is_list() || list->list().size() > kMostItems)
      return base::Invalid("ItemsToRestore is no list of paths");
    for (const Value& item : list->list()) {
      if (!item.is_string() || !item.str().starts_with('/') || item.str().size() < 2)
        return base::Invalid("ItemsToRestore has what is no path from the root");
      items.push_back(item.str());
    }
  }
  return items;
}

base::Result<trees::Filter> FilterOf(const std::vector<std::string>& items) {
  std::string pattern;
  for (const std::string& item : items) {
    if (!pattern.empty()) pattern += '|';
    for (const char c : item) {
      if (c == '|' || c == '*' || c == '\\') pattern += '\\';
      pattern += c;
    }
  }
  return trees::Filter::Make(pattern, "");
}

base::Status CheckItems(const fs::path& content, const std::vector<std::string>& items) {
  ASSIGN_OR_RETURN(const trees::Handle root, trees::OpenRoot(content.native()));
  for (const std::string& item : items) {
    const auto [parent, name] = trees::Split(std::string_view(item).substr(1));
    const trees::Opened above = trees::OpenDirectory(root.get(), parent);
    trees::Entry entry;
    if (above.error != 0 || trees::Look(above.handle.get(), name.c_str(), entry) != 0)
      return base::NotFound(fmt::format("{} is not in the recovery point", item));
  }
  return base::Ok();
}

class EfsBackups : public BackupResource {
 public:
  explicit EfsBackups(Host& host) : host_(host) {}

  std::string_view type() const override { return "EFS"; }
  bool Owns(const ArnParts& arn) const override {
    return arn.service == "elasticfilesystem" && arn.resource.starts_with(kFileSystem);
  }

  Flow<base::Result<ResourceSeen>> Look(std::string arn) override {
    Value ask = Value::Struct();
    ask.Set("FileSystemId", arn);
    const Answer answer = co_await AskSibling(host_, "efs", "DescribeFileSystems", ask);
    if (const auto* error = std::get_if<ApiError>(&answer))
      co_return base::NotFound(error->message);
    co_return SeenOf(std::get<Value>(answer).Items("FileSystems").front());
  }

  Flow<std::vector<ResourceSeen>> List() override {
    std::vector<ResourceSeen> all;
    Value ask = Value::Struct();
    for (;;) {
      const Answer answer = co_await AskSibling(host_, "efs", "DescribeFileSystems", ask);
      const auto* page = std::get_if<Value>(&answer);
      if (page == nullptr) break;
      for (const Value& system : page->Items("FileSystems")) all.push_back(SeenOf(system));
      if (!page->Has("NextMarker")) break;
      ask.Set("Marker", page->String("NextMarker"));
    }
    co_return all;
  }

  Flow<base::Result<BackedUp>> BackUp(BackupOrder order) override {
    const std::string id = ParseArn(order.arn).resource.substr(kFileSystem.size());
    const auto seen = See(id);
    if (!seen) co_return base::NotFound(fmt::format("File system {} does not exist", id));
    trees::Places places;
    places.source = seen->tree.native();
    places.destination = ContentOf(order.folder).native();
    places.work = (order.folder / "work").native();
    trees::Filter everything;
    const base::Status copied = co_await CopyTree(host_, places, everything, order.work);
    if (!copied.ok()) co_return copied.error();
    co_return BackedUp{};
  }

  Problem CheckRestore(const Value& asked) const override {
    for (const char* flag : {"newFileSystem", "Encrypted"}) {
      const std::string_view value = asked.String(flag, "false");
      if (value != "true" && value != "false")
        return InvalidValue(fmt::format("Invalid restore metadata. {} is true or false", flag));
    }
    const bool fresh = IsTrue(asked, "newFileSystem");
    if (!fresh && asked.String("file-system-id").empty())
      return InvalidValue("Invalid restore metadata. You must provide file-system-id");
    if (fresh && asked.String("CreationToken").empty())
      return InvalidValue("Invalid restore metadata. You must provide CreationToken");
    if (fresh && asked.String("PerformanceMode").empty())
      return InvalidValue("Invalid restore metadata. You must provide PerformanceMode");
    if (fresh && !asked.String("KmsKeyId").empty() && !IsTrue(asked, "Encrypted"))
      return InvalidValue(
          "Invalid restore metadata. If KmsKeyId is specified, Encrypted must be set to true");
    const auto items = ItemsOf(asked);
    if (!items.ok()) return InvalidValue("Invalid restore metadata. " + items.error().message());
    return std::nullopt;
  }

  Flow<base::Result<std::string>> Restore(RestoreOrder order) override {
    const auto items = ItemsOf(order.asked);
    if (!items.ok()) co_return items.error();
    const base::Status there = CheckItems(ContentOf(order.folder), *items);
    if (!there.ok()) co_return there.error();
    std::string id(order.asked.String("file-system-id"));
    if (IsTrue(order.asked, "newFileSystem")) {
      const base::Result<std::string> made = co_await MakeFileSystem(order.asked);
      if (!made.ok()) co_return made.error();
      id = *made;
    }
    const base::Status restored = co_await RestoreInto(id, *items, order);
    if (!restored.ok()) co_return restored.error();
    co_return Arn(host_, "elasticfilesystem", std::string(kFileSystem) + id);
  }

 private:
  std::optional<FileSystemSeen> See(std::string_view id) const {
    const auto* systems = FindSibling<FileSystems>(host_, "efs");
    return systems == nullptr ? std::nullopt : systems->See(id);
  }

  static ResourceSeen SeenOf(const Value& system) {
    ResourceSeen seen;
    seen.arn = system.String("FileSystemArn");
    seen.name = system.String("Name");
    for (const Value& tag : system.Items("Tags"))
      seen.tags.Set(tag.String("Key"), tag.String("Value"));
    seen.metadata.Set("file-system-id", system.String("FileSystemId"));
    seen.metadata.Set("Encrypted", system.Flag("Encrypted", false) ? "true" : "false");
    seen.metadata.Set("PerformanceMode", system.String("PerformanceMode"));
    if (system.Has("KmsKeyId")) seen.metadata.Set("KmsKeyId", system.String("KmsKeyId"));
    return seen;
  }

  Flow<base::Result<std::string>> MakeFileSystem(Value asked) {
    Value ask = Value::Struct();
    for (const char* name : {"CreationToken", "PerformanceMode"}) ask.Set(name, asked.String(name));
    ask.Set("Encrypted", IsTrue(asked, "Encrypted"));
    if (!asked.String("KmsKeyId").empty()) ask.Set("KmsKeyId", asked.String("KmsKeyId"));
    const Answer answer = co_await AskSibling(host_, "efs", "CreateFileSystem", ask);
    if (const auto* error = std::get_if<ApiError>(&answer))
      co_return base::ServiceBroken(error->message);
    const std::string id(std::get<Value>(answer).String("FileSystemId"));
    const base::MonotonicTime deadline = host_.clock().Monotonic() + kMadeWithin;
    while (!See(id)) {
      if (host_.clock().Monotonic() > deadline)
        co_return base::Unreachable(fmt::format("File system {} does not become available", id));
      co_await Sleep(host_, kLookAgain);
    }
    co_return id;
  }

  Flow<base::Status> RestoreInto(std::string id, std::vector<std::string> items,
                                 RestoreOrder order) {
    const auto seen = See(id);
    if (!seen) co_return base::NotFound(fmt::format("File system {} does not exist", id));
    if (seen->read_only) {
      co_return base::Denied(fmt::format(
          "File system {} is the destination of a replication, which makes it read-only", id));
    }
    const auto filter = FilterOf(items);
    if (!filter.ok()) co_return filter.error();
    const fs::path into = seen->tree / RestoredFolder(host_.clock().Now());
    trees::Places places;
    places.source = ContentOf(order.folder).native();
    places.destination = into.native();
    places.work = order.scratch.native();
    std::error_code error;
    if (!fs::create_directory(into, error))
      co_return base::ServiceBroken("cannot make " + into.native());
    const base::Status given = host_.GiveToEngine(into);
    if (!given.ok()) co_return given;
    const base::Status copied = co_await CopyTree(host_, places, *filter, order.work);
    co_return copied;
  }

  Host& host_;
};

}  // namespace

std::unique_ptr<BackupResource> MakeEfsBackups(Host& host) {
  return std::make_unique<EfsBackups>(host);
}

}  // namespace leeward::lab::backup
