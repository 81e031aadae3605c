#include "lab/replicas/strong.h"

#include <fmt/format.h>

#include <algorithm>

#include "lab/replicas/group.h"

namespace leeward::lab::replicas {
namespace {

constexpr base::Duration kConfirmAfter = std::chrono::milliseconds(200);
constexpr int kLifeDigits = 16;

}  // namespace

Strong::Strong(StrongOptions options)
    : options_(std::move(options)),
      life_(options_.random->Hex(kLifeDigits)),
      unknown_floor_(options_.high_water),
      noted_(options_.high_water) {}

std::int64_t Strong::Micros() const {
  return std::chrono::duration_cast<std::chrono::microseconds>(options_.clock->Now().since_epoch)
      .count();
}

// What an earlier process promised is not known but for its bound.
std::int64_t Strong::FloorOf(const Slot& slot) const {
  const auto found = locks_.find(slot);
  return found == locks_.end() ? unknown_floor_ : found->second.floor;
}

void Strong::SetFloor(const Slot& slot, std::int64_t floor) {
  constexpr std::int64_t kStep =
      60'000'000;  // so that it is noted once a minute, not for each write
  if (floor > noted_) {
    noted_ = floor + kStep;
    options_.note_high_water(noted_);
  }
  locks_[slot].floor = floor;
  if (locks_.size() > options_.limits.locks) Prune();
}

// Floors in the past matter only to writers whose clock is behind: one for all will do.
void Strong::Prune() {
  const std::int64_t now = Micros();
  std::erase_if(locks_, [&](const auto& entry) {
    const Lock& lock = entry.second;
    const bool idle = lock.owner.empty() && lock.floor < now;
    if (idle) unknown_floor_ = std::max(unknown_floor_, lock.floor);
    return idle;
  });
}

tables::Version Strong::VersionAt(const Slot& slot) const {
  const auto version = options_.replication->VersionOf(slot.first, slot.second);
  return version.ok() && *version ? **version : tables::Version{};
}

Strong::Holder Strong::HolderOf(const Slot& slot, std::string_view but) const {
  const auto found = locks_.find(slot);
  if (found == locks_.end() || found->second.owner.empty() || found->second.owner == but ||
      found->second.until <= options_.clock->Monotonic())
    return Holder::kNobody;
  return found->second.owner.starts_with(options_.region + "/") ? Holder::kUs : Holder::kOthers;
}

base::Result<std::size_t> Strong::Apply(const std::string& table,
                                        const std::vector<tables::ItemChange>& changes) {
  if (changes.empty()) return std::size_t{0};
  return options_.replication->Apply(table, changes);
}

// Kept for the third Region until the writer's own message about it is here.
base::Status Strong::Learn(const std::string& table, const std::string& region,
                           const std::vector<tables::ItemChange>& changes) {
  ASSIGN_OR_RETURN(const std::size_t applied, Apply(table, changes));
  if (applied == 0) return base::Ok();
  for (const tables::ItemChange& change : changes)
    unconfirmed_[table].emplace(change.key, Unconfirmed{region, ~std::uint64_t{0}});
  Took(table, region, {});
  return base::Ok();
}

Strong::Value Strong::KeysToValue(const std::vector<Touched>& touched) const {
  Value::List keys;
  for (const Touched& one : touched) {
    const Slot slot{one.table, one.key};
    const tables::Version version = VersionAt(slot);
    keys.push_back(Value::Struct({{"t", one.table},
                                  {"k", shapes::Blob{one.key}},
                                  {"m", version.micros},
                                  {"r", version.region},
                                  {"f", FloorOf(slot)}}));
  }
  return keys;
}

std::vector<Strong::Slot> Strong::SlotsFrom(const Value& keys) {
  std::vector<Slot> slots;
  if (!keys.is_list()) return slots;
  for (const Value& one : keys.list()) {
    const Value* key = one.Find("k");
    if (key != nullptr && key->is_blob())
      slots.emplace_back(std::string(one.String("t")), key->blob().bytes);
  }
  return slots;
}

base::Result<Strong::Value> Strong::Receive(std::string_view operation, const Value& input) {
  if (operation == "lock") return TakeLock(input);
  if (operation == "unlock") return TakeUnlock(input);
  if (operation == "write") return TakeWrite(input);
  if (operation == "peek") return TakePeek(input);
  if (operation == "push") return TakePush(input);
  if (operation == "behind") return TakeBehind(input);
  if (operation == "piece") return TakePiece(input);
  if (operation != "confirmed")
    return base::Invalid(fmt::format("replicas know no '{}'", operation));
  const std::string_view from = input.String("from");
  const auto up_to = static_cast<std::uint64_t>(input.Int("up_to"));
  std::erase_if(unconfirmed_[std::string(input.String("table"))], [&](const auto& entry) {
    return entry.second.from == from && entry.second.sequence <= up_to;
  });
  return Value::Struct();
}

void Strong::Took(const std::string& table, const std::string& from,
                  const std::vector<tables::ItemChange>& changes) {
  auto& held = unconfirmed_[table];
  for (const tables::ItemChange& change : changes) held[change.key] = {from, change.sequence};
  if (held.size() <= options_.limits.items) return;
  // Too much to hold: whoever asks takes the whole table, as from a new process.
  held.clear();
  life_ = options_.random->Hex(kLifeDigits);
}

void Strong::ArrivedEverywhere(const std::string& table, std::uint64_t sequence) {
  const bool due = confirming_.contains(table);
  confirming_[table] = sequence;
  if (due) return;
  options_.after(kConfirmAfter, [this, table] {
    const std::uint64_t up_to = confirming_[table];
    confirming_.erase(table);
    const Value message = Value::Struct(
        {{"table", table}, {"from", options_.region}, {"up_to", static_cast<std::int64_t>(up_to)}});
    // One that does not hear it holds some items longer than needed, no more.
    for (const std::string& region : options_.others(table))
      options_.peers->Call(region, "confirmed", message, options_.limits.answer,
                           [](const base::Result<Value>&) {});
  });
}

void Strong::Forget(const std::string& table) {
  std::erase_if(locks_, [&](const auto& entry) { return entry.first.first == table; });
  std::erase_if(pulled_, [&](const auto& entry) { return entry.first.first == table; });
  unconfirmed_.erase(table);
}

}  // namespace leeward::lab::replicas
