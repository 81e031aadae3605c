#include "lab/tables/continuous.h"

#include <algorithm>
#include <utility>

#include "lab/tables/backup.h"
#include "lab/tables/handlers.h"

namespace leeward::lab::tables {
namespace {

using shapes::Value;
using namespace std::chrono_literals;

// DynamoDB can restore to about five minutes ago; at the fast pace, to now.
constexpr base::Duration kLatestAws = 5min;

Value DescriptionFor(const Core& core, const Table& table) {
  Value recovery = Value::Struct(
      {{"PointInTimeRecoveryStatus", table.point_in_time.enabled ? "ENABLED" : "DISABLED"}});
  if (table.point_in_time.enabled) {
    const RestorableTimes times = TimesOf(core, table);
    recovery.Set("RecoveryPeriodInDays", table.point_in_time.days);
    recovery.Set("EarliestRestorableDateTime", times.earliest);
    recovery.Set("LatestRestorableDateTime", times.latest);
  }
  return Value::Struct(
      {{"ContinuousBackupsDescription",
        Value::Struct({{"ContinuousBackupsStatus", "ENABLED"},
                       {"PointInTimeRecoveryDescription", std::move(recovery)}})}});
}

Outcome<Table*> Named(const Request& request) {
  ASSIGN_OR_RETURN(const std::string name, NameFrom(request.core, Text(request.body, "TableName")));
  Table* table = request.core.FindTable(name);
  if (table == nullptr) return NoTable(name);
  return table;
}

Outcome<Table*> ChangeBackups(const Request& request) {
  ASSIGN_OR_RETURN(Table* const table, Named(request));
  if (table->status == TableStatus::kCreating || table->status == TableStatus::kDeleting) {
    return ApiError{
        "ContinuousBackupsUnavailableException",
        "Backups are being enabled for the table: " + table->name + ". Please retry later",
        400,
        {}};
  }
  const Json& spec = *Find(request.body, "PointInTimeRecoverySpecification");
  const bool enable = FlagOf(spec, "PointInTimeRecoveryEnabled") == Flag::kOn;
  PointInTime& now = table->point_in_time;
  if (enable && !now.enabled) now.since = request.core.Now();
  now.enabled = enable;
  now.days = Whole(spec, "RecoveryPeriodInDays", enable ? now.days : 35);
  RETURN_IF_ERROR(Save(request.core, *table));
  return table;
}

}  // namespace

RestorableTimes TimesOf(const Core& core, const Table& table) {
  const base::WallTime now = core.Now();
  const base::Duration lag = core.options.pace == Pace::kAws ? base::Duration(kLatestAws) : 0s;
  const base::WallTime oldest = now - std::chrono::hours(24 * table.point_in_time.days);
  RestorableTimes times{std::max(table.point_in_time.since, oldest), now - lag};
  times.latest = std::max(times.latest, times.earliest);
  return times;
}

WireAnswer UpdateContinuousBackups(const Request& request) {
  const auto table = ChangeBackups(request);
  if (!table.ok()) return ErrorAnswer(table.error());
  return Encoded(request, DescriptionFor(request.core, **table));
}

WireAnswer DescribeContinuousBackups(const Request& request) {
  const auto table = Named(request);
  if (!table.ok()) return ErrorAnswer(table.error());
  return Encoded(request, DescriptionFor(request.core, **table));
}

}  // namespace leeward::lab::tables
