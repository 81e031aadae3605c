#include "lab/replicas/keeper.h"

#include <fmt/format.h>

#include <algorithm>

namespace leeward::lab::replicas {
namespace {

constexpr int kMaxDoublings = 10;

}  // namespace

Keeper::Keeper(KeeperOptions options) : options_(std::move(options)) {}
Keeper::~Keeper() = default;

base::Status Keeper::Start(tables::Engine& engine) {
  engine_ = &engine;
  if (!options_.saved.empty()) {
    ASSIGN_OR_RETURN(const Value saved, shapes::FromJson(options_.saved));
    Load(saved);
  }
  MakeStrong();
  for (auto& [name, kept] : tables_) {
    PumpSoon(name);
    // The engine, too, ends what it finds under way; the table is busy again after that.
    kept.streaming = kept.job.has_value();
    if (kept.job) After(base::Duration{0}, [this, table = name] { GoOn(table); });
  }
  for (const auto& [table, regions] : farewells_) {
    for (const std::string& region : regions) Bid(table, region);
  }
  return base::Ok();
}

void Keeper::MakeStrong() {
  StrongOptions strong;
  strong.region = options_.region;
  strong.peers = options_.peers;
  strong.clock = options_.clock;
  strong.random = options_.random;
  strong.after = [this](base::Duration delay, Then then) { After(delay, std::move(then)); };
  strong.replication = &engine_->replication();
  strong.others = [this](std::string_view table) {
    const Kept* kept = Find(table);
    return kept == nullptr ? std::vector<std::string>() : kept->group.Others(options_.region);
  };
  strong.arrived = [this](std::string_view table, const std::string& region) -> std::uint64_t {
    const Kept* kept = Find(table);
    if (kept == nullptr) return 0;
    const auto lane = kept->lanes.find(region);
    return lane == kept->lanes.end() ? 0 : lane->second.cursor;
  };
  strong.high_water = high_water_;
  strong.note_high_water = [this](std::int64_t micros) {
    high_water_ = micros;
    Save();
  };
  strong.limits = options_.strong;
  strong_ = std::make_unique<Strong>(std::move(strong));
}

Keeper::Kept* Keeper::Find(std::string_view table) {
  const auto found = tables_.find(table);
  return found == tables_.end() ? nullptr : &found->second;
}

const Keeper::Kept* Keeper::Find(std::string_view table) const {
  const auto found = tables_.find(table);
  return found == tables_.end() ? nullptr : &found->second;
}

Keeper::Then Keeper::Guarded(Then then) const {
  return [alive = std::weak_ptr<int>(alive_), then = std::move(then)] {
    if (!alive.expired()) then();
  };
}

void Keeper::After(base::Duration delay, Then then) const {
  options_.after(delay, Guarded(std::move(then)));
}

base::Duration Keeper::Pause(int failures) const {
  const auto pause = options_.limits.first_pause * (1 << std::min(failures, kMaxDoublings));
  return std::min<base::Duration>(pause, options_.limits.longest_pause);
}

void Keeper::Insist(const std::string& region, std::string_view operation,
                    std::function<Value()> input, std::function<void(const Value&)> then,
                    int failures) {
  options_.peers->Call(
      region, operation, input(), options_.limits.answer,
      [this, alive = std::weak_ptr<int>(alive_), region, operation = std::string(operation), input,
       then, failures](const base::Result<Value>& answer) {
        if (alive.expired()) return;
        if (answer.ok()) return then(*answer);
        After(Pause(failures), [this, region, operation, input, then, failures] {
          Insist(region, operation, input, then, failures + 1);
        });
      });
}

// What the engine answers to a request of this process's own: at once, as none of these waits.
Keeper::EngineAnswer Keeper::Ask(std::string_view operation, const Value& input) {
  EngineAnswer answer;
  engine_->Handle(operation, shapes::ToJson(input), {}, [&answer](const tables::WireAnswer& wire) {
    answer.status = wire.status;
    const auto read = shapes::FromJson(wire.body);
    if (read.ok()) answer.body = *read;
  });
  return answer;
}

// "ACTIVE", or empty when there is no such table.
std::string Keeper::StatusHere(const std::string& table) {
  const EngineAnswer answer = Ask("DescribeTable", Value::Struct({{"TableName", table}}));
  return std::string(answer.body.Sub("Table").String("TableStatus"));
}

bool Keeper::IsKept(const std::string& table) const {
  tables::Replication& replication = engine_->replication();
  return replication.Changes(table, replication.LastSequence(), 1).ok();
}

// It is a table like any other again, if it is there.
void Keeper::Forget(const std::string& table) {
  tables::Replication& replication = engine_->replication();
  if (IsKept(table)) {
    const base::Status described = replication.Describe(table, Value::Struct());
    const base::Status kept = replication.Keep(table, tables::Replication::Kept::kNo);
    if (!described.ok() || !kept.ok()) return SaveSoon();
  }
  strong_->Forget(table);
  tables_.erase(table);
  Save();
}

void Keeper::Show(const Kept& kept) {
  const base::Status shown =
      engine_->replication().Describe(kept.group.table, Describe(kept.group, options_.region));
  // The table may be gone by now; there is nobody to show it to then.
  if (!shown.ok()) SaveSoon();
}

void Keeper::Save() {
  save_due_ = false;
  Value tables = Value::Struct();
  for (const auto& [name, kept] : tables_) {
    Value lanes = Value::Struct();
    for (const auto& [region, lane] : kept.lanes) {
      Value::List settings(lane.settings.begin(), lane.settings.end());
      lanes.Set(region, Value::Struct({{"cursor", static_cast<std::int64_t>(lane.cursor)},
                                       {"settings", std::move(settings)}}));
    }
    Value one = Value::Struct({{"group", ToValue(kept.group)}, {"lanes", std::move(lanes)}});
    if (kept.job) {
      Value::List regions(kept.job->regions.begin(), kept.job->regions.end());
      one.Set("job", Value::Struct({{"add", kept.job->kind == Job::Kind::kAdd},
                                    {"regions", std::move(regions)}}));
    }
    tables.Set(name, std::move(one));
  }
  Value farewells = Value::Struct();
  for (const auto& [table, regions] : farewells_)
    farewells.Set(table, Value::List(regions.begin(), regions.end()));
  options_.save(shapes::ToJson(Value::Struct({{"tables", std::move(tables)},
                                              {"farewells", std::move(farewells)},
                                              {"high_water", high_water_}})));
}

void Keeper::SaveSoon() {
  if (std::exchange(save_due_, true)) return;
  After(options_.limits.save, [this] {
    if (save_due_) Save();
  });
}

void Keeper::Load(const Value& saved) {
  high_water_ = saved.Int("high_water");
  const auto members = [](const Value& value) {
    return value.is_members() ? value.members() : Value::Members{};
  };
  for (const auto& [name, one] : members(saved.Sub("tables"))) {
    Kept& kept = tables_[name];
    kept.group = GroupFrom(one.Sub("group"));
    for (const auto& [region, lane] : members(one.Sub("lanes"))) {
      kept.lanes[region].cursor = static_cast<std::uint64_t>(lane.Int("cursor"));
      for (const Value& setting : lane.Items("settings"))
        kept.lanes[region].settings.push_back(setting);
    }
    if (const Value* job = one.Find("job")) {
      kept.job = Job{job->Flag("add", true) ? Job::Kind::kAdd : Job::Kind::kRemove, {}};
      for (const Value& region : job->Items("regions")) kept.job->regions.push_back(region.str());
    }
  }
  for (const auto& [table, regions] : members(saved.Sub("farewells"))) {
    for (const Value& region : regions.list()) farewells_[table].push_back(region.str());
  }
}

void Keeper::Settled(std::string_view operation, std::string_view table, const Value& input) {
  Kept* kept = Find(table);
  if (kept == nullptr || taking_settings_) return;
  const Value shared = SharedSettings(operation, input);
  if (shared.members().empty()) return;
  for (auto& [region, lane] : kept->lanes)
    lane.settings.push_back(Value::Struct({{"operation", operation}, {"input", shared}}));
  Save();
  PumpSoon(std::string(table));
}

void Keeper::Changed(std::string_view table, std::uint64_t /*sequence*/) {
  if (Find(table) != nullptr) PumpSoon(std::string(table));
}

bool Keeper::IsStrong(std::string_view table) const {
  const Kept* kept = Find(table);
  return kept != nullptr && kept->group.strong();
}

bool Keeper::AnyStrong() const {
  return std::any_of(tables_.begin(), tables_.end(),
                     [](const auto& entry) { return entry.second.group.strong(); });
}

bool Keeper::NamesStrong(const Value& input) const {
  if (input.is_list())
    return std::any_of(input.list().begin(), input.list().end(),
                       [this](const Value& each) { return NamesStrong(each); });
  if (!input.is_members()) return false;
  return std::any_of(input.members().begin(), input.members().end(), [this](const auto& member) {
    if (member.first != "TableName" || !member.second.is_string())
      return NamesStrong(member.second);
    const std::string_view name = member.second.str();
    return IsStrong(name.substr(name.rfind('/') + 1));
  });
}

void Keeper::Admit(Intent intent, std::vector<Touched> touched,
                   std::function<void(items::Verdict)> proceed) {
  if (intent == Intent::kRead) return strong_->AdmitRead(std::move(touched), proceed);
  strong_->AdmitWrite(std::move(touched), std::move(proceed));
}

void Keeper::Settle(std::vector<Touched> touched, std::uint64_t first, std::uint64_t last,
                    std::function<void(items::Verdict)> done) {
  strong_->Settle(touched, first, last, done);
}

}  // namespace leeward::lab::replicas
