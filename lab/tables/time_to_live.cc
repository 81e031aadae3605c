#include "lab/tables/time_to_live.h"

#include <fmt/format.h>

#include <utility>

#include "lab/items/encoding.h"
#include "lab/tables/handlers.h"
#include "lab/tables/layout.h"
#include "lab/tables/replication.h"
#include "lab/tables/states.h"
#include "lab/tables/write.h"

namespace leeward::lab::tables {
namespace {

using shapes::Value;
using Status = TimeToLive::Status;

// What expired longer ago is taken for a mistake, and left.
constexpr std::int64_t kTooLongAgo = std::int64_t{5} * 365 * 24 * 3600;
constexpr std::size_t kItemsAtOnce = 200;
constexpr base::Duration kBetweenChanges = std::chrono::hours(1);

std::string_view Name(Status status) {
  switch (status) {
    case Status::kDisabled:
      return "DISABLED";
    case Status::kEnabling:
      return "ENABLING";
    case Status::kEnabled:
      return "ENABLED";
    case Status::kDisabling:
      return "DISABLING";
  }
  CHECK_NEVER("a status of no name");
}

Verdict CheckChange(const Core& core, const Table& table, bool enabled,
                    std::string_view attribute) {
  const TimeToLive& now = table.ttl;
  const bool on = now.status == Status::kEnabled || now.status == Status::kEnabling;
  if (on && now.attribute != attribute) {
    return ValidationError(fmt::format(
        "TimeToLive is active on a different AttributeName: current AttributeName is {}",
        now.attribute));
  }
  if (enabled && on) return ValidationError("TimeToLive is already enabled");
  if (!enabled && !on) return ValidationError("TimeToLive is already disabled");
  const bool under_way = now.status == Status::kEnabling || now.status == Status::kDisabling;
  const bool soon =
      core.options.pace == Pace::kAws && now.changed && core.Now() - *now.changed < kBetweenChanges;
  if (under_way || soon) {
    return ValidationError("Time to live has been modified multiple times within a fixed interval");
  }
  return {};
}

void Finish(Core& core, TableNumber number) {
  Table* table = core.FindNumber(number);
  if (table == nullptr || table->ttl.status != Status::kEnabling) return;
  table->ttl.status = Status::kEnabled;
  if (!Save(core, *table).ok()) return;
}

// The items that were there before: what is written meanwhile has its expiry already.
void FillDuePiece(Core& core, TableNumber number, const std::string& from) {
  const Table* table = core.FindNumber(number);
  if (table == nullptr || table->ttl.status != Status::kEnabling) return;
  Walk walk = core.store->Range(Space::kItems, from, SlotPrefix(number, kItemsSlot + 1),
                                Store::Caching::kPassBy);
  Batch batch;
  std::size_t done = 0;
  for (walk.SeekFirst(); walk.Valid() && done < kItemsAtOnce; walk.Next(), ++done) {
    const auto item = items::ItemFromStored(ReadHead(walk.value()).item);
    CHECK(item.ok());
    const std::string place = ExpiryPlace(*table, *item);
    if (!place.empty()) batch.Put(Space::kItems, place, "");
  }
  if (!core.store->Write(batch).ok()) return;
  if (!walk.Valid()) return Finish(core, number);
  core.Later(base::Duration(std::chrono::milliseconds(1)),
             [&core, number, next = std::string(walk.key())] { FillDuePiece(core, number, next); });
}

void SwitchOff(Core& core, TableNumber number) {
  Table* table = core.FindNumber(number);
  if (table == nullptr || table->ttl.status != Status::kDisabling) return;
  table->ttl = {Status::kDisabled, "", table->ttl.changed};
  Batch batch;
  batch.DeleteRange(Space::kItems, SlotPrefix(number, kExpiriesSlot),
                    SlotPrefix(number, kTombsSlot));
  Save(batch, *table);
  if (!core.store->Write(batch).ok()) return;
}

Outcome<std::string> ChangeTimeToLive(const Request& request) {
  Core& core = request.core;
  ASSIGN_OR_RETURN(Table* const table, TableNamed(core, Text(request.body, "TableName")));
  const Json& spec = *Find(request.body, "TimeToLiveSpecification");
  const bool enabled = FlagOf(spec, "Enabled") == Flag::kOn;
  const std::string_view attribute = Text(spec, "AttributeName");
  RETURN_IF_ERROR(CheckNotBusy(*table));
  RETURN_IF_ERROR(CheckChange(core, *table, enabled, attribute));
  ASSIGN_OR_RETURN(const Value input, Decoded(request));
  if (core.options.replicas != nullptr) {
    RETURN_IF_ERROR(core.options.replicas->Allow("UpdateTimeToLive", table->name, input));
  }
  table->ttl.status = enabled ? Status::kEnabling : Status::kDisabling;
  if (enabled) table->ttl.attribute = attribute;
  table->ttl.changed = core.Now();
  RETURN_IF_ERROR(Save(core, *table));
  GoOnWithTimeToLive(core, *table);
  if (core.options.replicas != nullptr) {
    core.options.replicas->Settled("UpdateTimeToLive", table->name, input);
  }
  return std::string();
}

std::string PlaceOfSeconds(TableNumber number, std::int64_t seconds) {
  std::string place = SlotPrefix(number, kExpiriesSlot);
  AppendBig64(static_cast<std::uint64_t>(std::max<std::int64_t>(seconds, 0)), place);
  return place;
}

void DeleteOne(Core& core, Table& table, const std::string& expiry) {
  const std::string place = ItemPlaceOfExpiry(expiry);
  const Outcome<Found> found = ReadItem(core, place);
  if (!found.ok()) return;
  Write write(core);
  // An expiry is written together with its item; after switching off and on again one may be left.
  if (found->exists() && ExpiryPlace(table, found->item()) == expiry) {
    write.Delete(table, place, *found, found->item(), Author::kTimeToLive);
  } else {
    write.batch().Delete(Space::kItems, expiry);
  }
  if (!write.Commit().ok()) return;
}

bool DeleteExpiredOf(Core& core, Table& table) {
  const std::int64_t now =
      std::chrono::duration_cast<std::chrono::seconds>(core.Now().since_epoch).count();
  std::vector<std::string> due;
  {
    Walk walk = core.store->Range(Space::kItems, PlaceOfSeconds(table.number, now - kTooLongAgo),
                                  PlaceOfSeconds(table.number, now));
    for (walk.SeekFirst(); walk.Valid() && due.size() < kItemsAtOnce; walk.Next()) {
      due.emplace_back(walk.key());
    }
  }
  for (const std::string& expiry : due) DeleteOne(core, table, expiry);
  return due.size() == kItemsAtOnce;
}

}  // namespace

Value TimeToLiveOf(const Table& table) {
  Value out = Value::Struct({{"TimeToLiveStatus", std::string(Name(table.ttl.status))}});
  if (!table.ttl.attribute.empty()) out.Set("AttributeName", table.ttl.attribute);
  return out;
}

void GoOnWithTimeToLive(Core& core, const Table& table) {
  const base::Duration delay = DelayOf(core.options.pace, Stage::kTimeToLive);
  const TableNumber number = table.number;
  if (table.ttl.status == Status::kEnabling) {
    core.Later(delay,
               [&core, number] { FillDuePiece(core, number, SlotPrefix(number, kItemsSlot)); });
  }
  if (table.ttl.status == Status::kDisabling) {
    core.Later(delay, [&core, number] { SwitchOff(core, number); });
  }
}

bool DeleteExpired(Core& core) {
  bool more = false;
  for (const auto& [name, table] : core.tables) {
    const bool on =
        table->ttl.status == Status::kEnabled && table->status != TableStatus::kDeleting;
    if (on) more = DeleteExpiredOf(core, *table) || more;
  }
  return more;
}

WireAnswer UpdateTimeToLive(const Request& request) {
  const auto changed = ChangeTimeToLive(request);
  if (!changed.ok()) return ErrorAnswer(changed.error());
  const Json& spec = *Find(request.body, "TimeToLiveSpecification");
  return Encoded(
      request, Value::Struct({{"TimeToLiveSpecification",
                               Value::Struct({{"Enabled", FlagOf(spec, "Enabled") == Flag::kOn},
                                              {"AttributeName", Text(spec, "AttributeName")}})}}));
}

WireAnswer DescribeTimeToLive(const Request& request) {
  const auto table = TableNamed(request.core, Text(request.body, "TableName"));
  if (!table.ok()) return ErrorAnswer(table.error());
  return Encoded(request, Value::Struct({{"TimeToLiveDescription", TimeToLiveOf(**table)}}));
}

}  // namespace leeward::lab::tables
