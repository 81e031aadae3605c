// What other Regions' keepers ask of this one.
#include <fmt/format.h>

#include <algorithm>

#include "lab/replicas/keeper.h"

namespace leeward::lab::replicas {

using shapes::Value;

void Keeper::Receive(std::string_view operation, const Value& input, const Answer& answer) {
  if (operation == "apply") return answer(TakeChanges(input));
  if (operation == "settings") return answer(TakeSettings(input));
  if (operation == "group") return answer(TakeGroup(input));
  if (operation == "adopt") return answer(TakeAdoption(input));
  if (operation == "leave") return answer(TakeLeave(input));
  if (operation == "left") {
    Kept* kept = Find(input.String("table"));
    const std::string from(input.String("from"));
    if (kept != nullptr && kept->group.members.erase(from) > 0) {
      kept->lanes.erase(from);
      const std::string name = kept->group.table;
      Show(*kept);
      kept->group.members.size() < 2 && !kept->job ? Forget(name) : Save();
    }
    return answer(Value::Struct());
  }
  answer(strong_->Receive(operation, input));
}

// The members as another Region has them now.
Value Keeper::TakeGroup(const Value& input) {
  const Group group = GroupFrom(input.Sub("group"));
  const std::string from(input.String("from"));
  Kept* kept = Find(group.table);
  if (kept == nullptr || !group.members.contains(options_.region)) return Value::Struct();
  for (const std::string& region : group.Others(options_.region)) {
    // A new one gets from the Region that asks all that has reached that, and from here the rest.
    if (!kept->lanes.contains(region)) kept->lanes[region].cursor = kept->lanes[from].cursor;
  }
  std::erase_if(kept->lanes, [&](const auto& lane) { return !group.members.contains(lane.first); });
  kept->group = group;
  if (group.members.size() < 2) {
    Forget(group.table);
    return Value::Struct();
  }
  const bool moving =
      std::any_of(group.members.begin(), group.members.end(), [](const auto& entry) {
        return entry.second.status == MemberStatus::kCreating ||
               entry.second.status == MemberStatus::kDeleting;
      });
  const base::Status busy = engine_->replication().SetBusy(
      group.table, moving ? tables::Replication::Busy::kYes : tables::Replication::Busy::kNo);
  if (!busy.ok()) SaveSoon();
  Show(*kept);
  Save();
  PumpSoon(group.table);
  return Value::Struct();
}

// A replica is to be here. Asked again until it says "ready" or "refused".
Value Keeper::TakeAdoption(const Value& input) {
  const Group group = GroupFrom(input.Sub("group"));
  if (group.table.empty()) return Value::Struct({{"state", "making"}});
  const auto refused = [](std::string_view problem) {
    return Value::Struct({{"state", "refused"}, {"problem", problem}});
  };
  const std::string status = StatusHere(group.table);
  const bool ours = Find(group.table) != nullptr;
  if (!ours && !status.empty()) {
    return refused(
        fmt::format("Failed to create a the new replica of table with name: '{}' because "
                    "one or more replicas already existed as tables.",
                    group.table));
  }
  if (!ours) {
    Kept& kept = tables_[group.table];
    kept.group = group;
    for (const std::string& region : group.Others(options_.region))
      kept.lanes[region].cursor = engine_->replication().LastSequence();
    Save();
  }
  if (!status.empty() && status != "CREATING") return MakeReplica(group.table, input);
  if (status == "CREATING") return Value::Struct({{"state", "making"}});
  const EngineAnswer made = Ask("CreateTable", input.Sub("blueprint"));
  if (made.status == 200) return Value::Struct({{"state", "making"}});
  tables_.erase(group.table);
  Save();
  return refused(made.body.String("message", "the table could not be made"));
}

// The table is there; what is left is to keep its changes and to show what it belongs to.
Value Keeper::MakeReplica(const std::string& table, const Value& input) {
  if (!IsKept(table) && !engine_->replication().Keep(table, tables::Replication::Kept::kYes).ok())
    return Value::Struct({{"state", "making"}});
  const Value& ttl = input.Sub("ttl");
  if (ttl.String("TimeToLiveStatus").starts_with("ENABL")) {
    taking_settings_ = true;
    Ask("UpdateTimeToLive",
        Value::Struct({{"TableName", table},
                       {"TimeToLiveSpecification",
                        Value::Struct({{"Enabled", true},
                                       {"AttributeName", ttl.String("AttributeName")}})}}));
    taking_settings_ = false;
  }
  Show(*Find(table));
  PumpSoon(table);
  return Value::Struct({{"state", "ready"}});
}

// The replica here goes, and its items with it.
Value Keeper::TakeLeave(const Value& input) {
  const std::string table(input.String("table"));
  const std::string status = StatusHere(table);
  if (Find(table) == nullptr || status.empty())
    return Value::Struct({{"state", status.empty() ? "gone" : "going"}});
  const bool before = std::exchange(taking_settings_, true);
  const EngineAnswer deleted = Ask("DeleteTable", Value::Struct({{"TableName", table}}));
  taking_settings_ = before;
  if (deleted.status != 200 && deleted.body.String("__type").ends_with("ValidationException"))
    return Value::Struct({{"state", "refused"}, {"problem", deleted.body.String("message")}});
  if (deleted.status != 200) return Value::Struct({{"state", "going"}});
  strong_->Forget(table);
  tables_.erase(table);
  Save();
  return Value::Struct({{"state", "going"}});
}

base::Result<Value> Keeper::TakeChanges(const Value& input) {
  const auto changes = ChangesFrom(input.Sub("changes"));
  ASSIGN_OR_RETURN(const std::size_t applied,
                   engine_->replication().Apply(input.String("table"), changes));
  if (IsStrong(input.String("table")))
    strong_->Took(std::string(input.String("table")), std::string(input.String("from")), changes);
  return Value::Struct({{"applied", static_cast<std::int64_t>(applied)}});
}

// Not taken while the table is busy: it is sent again. What changes nothing here is taken, too.
base::Result<Value> Keeper::TakeSettings(const Value& input) {
  const std::string table(input.String("table"));
  if (Find(table) == nullptr) return base::NotFound(table + " has no replica here");
  Value settings = input.Sub("input");
  settings.Set("TableName", table);
  if (Value* throughput = settings.Find("ProvisionedThroughput")) {
    const auto own = engine_->replication().Blueprint(table);
    const std::int64_t read =
        own.ok() ? own->Sub("ProvisionedThroughput").Int("ReadCapacityUnits", 1) : 1;
    throughput->Set("ReadCapacityUnits", read);
  }
  taking_settings_ = true;
  const EngineAnswer answer = Ask(input.String("operation"), settings);
  taking_settings_ = false;
  const bool busy =
      answer.body.String("__type").ends_with("ResourceInUseException") || answer.status >= 500;
  return Value::Struct({{"taken", !busy}});
}

// Tells a Region that the replica here has gone.
void Keeper::Bid(const std::string& table, const std::string& region) {
  Insist(
      region, "left",
      [this, table] {
        return Value::Struct({{"table", table}, {"from", options_.region}});
      },
      [this, table, region](const Value&) {
        std::erase(farewells_[table], region);
        if (farewells_[table].empty()) farewells_.erase(table);
        Save();
      });
}

}  // namespace leeward::lab::replicas
