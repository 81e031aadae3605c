#include "lab/services/backup_records.h"

#include <array>

namespace leeward::lab::backup {
namespace {

using shapes::Value;

constexpr std::array<std::string_view, 6> kEnds = {"COMPLETED", "FAILED",  "ABORTED",
                                                   "EXPIRED",   "PARTIAL", "STOPPED"};

}  // namespace

std::string_view StateOf(const Job& job) {
  return job.record.Has("State") ? job.record.String("State") : job.record.String("Status");
}

bool HasEnded(const Job& job) {
  for (const std::string_view end : kEnds) {
    if (StateOf(job) == end) return true;
  }
  return false;
}

Value Save(const Vault& vault) {
  return Value::Struct({{"Name", vault.name}, {"Record", vault.record}, {"Tags", vault.tags}});
}

Vault LoadVault(const Value& saved) {
  return {std::string(saved.String("Name")), saved.Sub("Record"), saved.Sub("Tags")};
}

Value Save(const Point& point) {
  return Value::Struct({{"Arn", point.arn},
                        {"Vault", point.vault},
                        {"Record", point.record},
                        {"Tags", point.tags},
                        {"Metadata", point.metadata},
                        {"Folder", point.folder},
                        {"Seal", point.seal},
                        {"CopyOf", point.copy_of}});
}

Point LoadPoint(const Value& saved) {
  Point point;
  point.arn = saved.String("Arn");
  point.vault = saved.String("Vault");
  point.record = saved.Sub("Record");
  point.tags = saved.Sub("Tags");
  point.metadata = saved.Sub("Metadata");
  point.folder = saved.String("Folder");
  point.seal = saved.Sub("Seal");
  point.copy_of = saved.String("CopyOf");
  return point;
}

Value Save(const Job& job) {
  return Value::Struct(
      {{"Id", job.id}, {"Record", job.record}, {"Asked", job.asked}, {"Token", job.token}});
}

Job LoadJob(const Value& saved) {
  return {std::string(saved.String("Id")), saved.Sub("Record"), saved.Sub("Asked"),
          std::string(saved.String("Token"))};
}

std::optional<base::WallTime> TimeIn(const Value& record, std::string_view name) {
  const Value* time = record.Find(name);
  if (time == nullptr || !time->is_time()) return std::nullopt;
  return time->time();
}

Value Picked(const Value& record, std::initializer_list<std::string_view> names) {
  Value picked = Value::Struct();
  for (const std::string_view name : names) {
    if (const Value* member = record.Find(name)) picked.Set(name, *member);
  }
  return picked;
}

Value CalculatedLifecycle(const Value& lifecycle, base::WallTime created) {
  Value calculated = Value::Struct();
  constexpr base::Duration kDay = std::chrono::hours(24);
  for (const auto& [days, at] : {std::pair{"MoveToColdStorageAfterDays", "MoveToColdStorageAt"},
                                 std::pair{"DeleteAfterDays", "DeleteAt"}}) {
    const std::int64_t count = lifecycle.Int(days, -1);
    if (count > 0) calculated.Set(at, created + kDay * count);
  }
  return calculated;
}

std::string_view StorageClassOf(const Point& point, base::WallTime now) {
  const auto moved = TimeIn(point.record.Sub("CalculatedLifecycle"), "MoveToColdStorageAt");
  return moved && now >= *moved ? "COLD" : "WARM";
}

bool IsDue(const Point& point, base::WallTime now) {
  const auto due = TimeIn(point.record.Sub("CalculatedLifecycle"), "DeleteAt");
  return due && now >= *due;
}

}  // namespace leeward::lab::backup
