// Writes: locked in two Regions, made here, taken by a second one.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "lab/replicas/group.h"
#include "lab/replicas/strong.h"

namespace leeward::lab::replicas {
namespace {

using tables::ItemChange;

constexpr std::size_t kMaxChanges = 1000;  // of one operation
constexpr std::uint64_t kPriorities = 1u << 30;

ApiError Conflict() {
  return {"ReplicatedWriteConflictException",
          "One or more items in this request are being modified by a request in another Region.",
          400,
          {}};
}

ApiError NoMajority() { return {"InternalServerError", "Internal server error", 500, {}}; }

}  // namespace

void Strong::AdmitWrite(std::vector<Touched> touched, Proceed proceed) {
  auto operation = std::make_shared<Operation>();
  operation->id = fmt::format("{}/{}/{}", options_.region, life_, next_operation_++);
  operation->touched = std::move(touched);
  operation->others = options_.others(operation->touched.front().table);
  operation->begun = options_.clock->Monotonic();
  operation->priority = static_cast<std::int64_t>(options_.random->Below(kPriorities));
  operation->proceed = std::move(proceed);
  TryLock(operation);
}

// Here first. Writes of this Region wait for each other; one of another Region is a conflict.
void Strong::TryLock(const OperationPtr& operation) {
  const base::MonotonicTime now = options_.clock->Monotonic();
  for (const Touched& one : operation->touched) {
    const Holder holder = HolderOf({one.table, one.key}, operation->id);
    if (holder == Holder::kNobody) continue;
    if (holder == Holder::kOthers || now - operation->begun > options_.limits.wait)
      return std::exchange(operation->proceed, nullptr)(Conflict());
    return options_.after(options_.limits.look, [this, operation] { TryLock(operation); });
  }
  const std::int64_t ahead = options_.limits.lock / std::chrono::microseconds(1);
  const Value keys = KeysToValue(operation->touched);
  for (const Touched& one : operation->touched) {
    const Slot slot{one.table, one.key};
    const std::int64_t before = FloorOf(slot);
    SetFloor(slot, std::max({Micros(), before, VersionAt(slot).micros}) + ahead);
    Lock& lock = locks_[slot];
    lock.owner = operation->id;
    lock.until = now + options_.limits.lock;
    lock.before = before;
  }
  operation->unanswered = operation->others.size();
  waiting_[operation->id] = operation;
  Value message = Value::Struct({{"op", operation->id},
                                 {"priority", operation->priority},
                                 {"now", Micros()},
                                 {"keys", keys}});
  for (const std::string& region : operation->others) {
    options_.peers->Call(region, "lock", message, options_.limits.answer,
                         [this, operation, region](const base::Result<Value>& answer) {
                           Answered(operation, region, answer);
                         });
  }
}

void Strong::Answered(const OperationPtr& operation, const std::string& region,
                      const base::Result<Value>& answer) {
  --operation->unanswered;
  const bool granted = answer.ok() && answer->Flag("granted", false);
  if (operation->finished) {
    if (granted) Unlock(*operation, region);
    return;
  }
  if (operation->proceed == nullptr) return;  // another Region was quicker
  if (granted) {
    waiting_.erase(operation->id);
    const Verdict caught = Catch(region, *answer);
    const Proceed proceed = std::exchange(operation->proceed, nullptr);
    if (!caught.ok()) Finish(operation, Wrote::kNothing);
    current_ = caught.ok() ? operation : nullptr;
    proceed(caught);
    current_ = nullptr;
    return;
  }
  operation->conflict = operation->conflict || (answer.ok() && answer->Flag("conflict", false));
  if (operation->unanswered == 0) return GiveUp(operation);
  // The third may be lost, and the item is kept from others meanwhile.
  if (operation->conflict)
    options_.after(options_.limits.third, [this, operation] { GiveUp(operation); });
}

void Strong::GiveUp(const OperationPtr& operation) {
  if (operation->proceed == nullptr) return;
  waiting_.erase(operation->id);
  const Proceed proceed = std::exchange(operation->proceed, nullptr);
  Finish(operation, Wrote::kNothing);
  proceed(operation->conflict ? Conflict() : NoMajority());
}

// The operation of this Region that holds the item and no other Region's lock yet, if it is to give
// way. Nothing of it was written.
Strong::OperationPtr Strong::YieldsTo(const Slot& slot, std::int64_t priority) const {
  const auto lock = locks_.find(slot);
  if (lock == locks_.end()) return nullptr;
  const auto waiting = waiting_.find(lock->second.owner);
  const bool yields = waiting != waiting_.end() && waiting->second->priority < priority;
  return yields ? waiting->second : nullptr;
}

// What the other Region holds that is newer, and above every floor.
Strong::Verdict Strong::Catch(const std::string& region, const Value& grant) {
  for (const Value& one : grant.Items("keys")) {
    const std::vector<Slot> slots = SlotsFrom(Value::List{one});
    if (slots.size() != 1) return NoMajority();
    const Slot& slot = slots.front();
    if (!Learn(slot.first, region, ChangesFrom(one.Sub("c"))).ok()) return NoMajority();
    Lock& lock = locks_[slot];
    const std::int64_t floor = std::max(lock.before, one.Int("f"));
    SetFloor(slot, std::max(lock.floor, one.Int("p")));
    const tables::Version version = VersionAt(slot);
    // A write now gets the time as its version, which mostly is above; else the item is lifted.
    if (floor < Micros() || floor <= version.micros) continue;
    auto held = options_.replication->Read(slot.first, slot.second);
    if (!held.ok()) return NoMajority();
    ItemChange lifted;
    lifted.key = slot.second;
    if (*held) lifted.item = (*held)->item;
    lifted.version = {floor + 1, options_.region};
    if (!Apply(slot.first, {lifted}).ok()) return NoMajority();
  }
  return {};
}

void Strong::Settle(const std::vector<Touched>& touched, std::uint64_t first, std::uint64_t last,
                    const Proceed& done) {
  const OperationPtr operation = std::exchange(current_, nullptr);
  if (operation == nullptr) return done({});  // a read
  if (first == last) {
    Finish(operation, Wrote::kNothing);
    return done({});
  }
  std::set<std::string> tables;
  for (const Touched& one : touched) tables.insert(one.table);
  Value::List parts;
  for (const std::string& table : tables) {
    auto page = options_.replication->Changes(table, first, kMaxChanges);
    if (!page.ok()) {
      Finish(operation, Wrote::kSomething);
      return done(NoMajority());
    }
    std::erase_if(page->changes,
                  [last](const ItemChange& change) { return change.sequence > last; });
    for (const ItemChange& change : page->changes)
      SetFloor({table, change.key}, change.version.micros);
    parts.push_back(Value::Struct({{"table", table}, {"changes", ToValue(page->changes)}}));
  }
  Send(operation, std::move(parts), done);
}

void Strong::Send(const OperationPtr& operation, Value parts, const Proceed& done) {
  const Value message = Value::Struct({{"op", operation->id},
                                       {"from", options_.region},
                                       {"keys", KeysToValue(operation->touched)},
                                       {"parts", std::move(parts)}});
  auto left = std::make_shared<std::size_t>(operation->others.size());
  auto said = std::make_shared<bool>(false);
  for (const std::string& region : operation->others) {
    options_.peers->Call(region, "write", message, options_.limits.answer,
                         [=, this](const base::Result<Value>& answer) {
                           --*left;
                           const bool taken = answer.ok() && answer->Flag("taken", false);
                           if (*said || (!taken && *left > 0)) return;
                           *said = true;
                           Finish(operation, Wrote::kSomething);
                           done(taken ? Verdict() : Verdict(NoMajority()));
                         });
  }
}

void Strong::Finish(const OperationPtr& operation, Wrote wrote) {
  operation->finished = true;
  for (const Touched& one : operation->touched) {
    const auto lock = locks_.find(Slot{one.table, one.key});
    if (lock == locks_.end() || lock->second.owner != operation->id) continue;
    lock->second.owner.clear();
    if (wrote == Wrote::kNothing) lock->second.floor = lock->second.before;
  }
  if (wrote == Wrote::kSomething) return;  // what was sent has unlocked
  for (const std::string& region : operation->others) Unlock(*operation, region);
}

// If it is not heard, the lock ends by itself.
void Strong::Unlock(const Operation& operation, const std::string& region) {
  options_.peers->Call(
      region, "unlock",
      Value::Struct({{"op", operation.id}, {"keys", KeysToValue(operation.touched)}}),
      options_.limits.answer, [](const base::Result<Value>&) {});
}

base::Result<Strong::Value> Strong::TakeLock(const Value& input) {
  const std::string owner(input.String("op"));
  std::vector<OperationPtr> yielding;
  for (const Slot& slot : SlotsFrom(input.Sub("keys"))) {
    const auto version = options_.replication->VersionOf(slot.first, slot.second);
    if (!version.ok()) return version.error();
    if (HolderOf(slot, owner) == Holder::kNobody) continue;
    OperationPtr ours = YieldsTo(slot, input.Int("priority"));
    if (ours == nullptr) return Value::Struct({{"conflict", true}});
    yielding.push_back(std::move(ours));
  }
  for (const OperationPtr& operation : yielding) {
    operation->conflict = true;
    GiveUp(operation);
  }
  const std::int64_t ahead = options_.limits.lock / std::chrono::microseconds(1);
  Value::List grants;
  for (const Value& one : input.Items("keys")) {
    const std::vector<Slot> slots = SlotsFrom(Value::List{one});
    if (slots.empty()) return base::Invalid("a lock without a key");
    const Slot& slot = slots.front();
    const std::int64_t before = FloorOf(slot);
    ASSIGN_OR_RETURN(const auto held, options_.replication->Read(slot.first, slot.second));
    const tables::Version version = held ? held->version : tables::Version{};
    SetFloor(
        slot,
        std::max({input.Int("now"), one.Int("f"), one.Int("m"), before, version.micros}) + ahead);
    Lock& lock = locks_[slot];
    lock.owner = owner;
    lock.until = options_.clock->Monotonic() + options_.limits.lock;
    lock.before = before;
    Value grant = Value::Struct(
        {{"t", slot.first}, {"k", shapes::Blob{slot.second}}, {"f", before}, {"p", lock.floor}});
    const tables::Version theirs{one.Int("m"), std::string(one.String("r"))};
    if (held && theirs < version) grant.Set("c", ToValue({*held}));
    grants.push_back(std::move(grant));
  }
  return Value::Struct({{"granted", true}, {"keys", std::move(grants)}});
}

Strong::Value Strong::TakeUnlock(const Value& input) {
  for (const Slot& slot : SlotsFrom(input.Sub("keys"))) {
    const auto lock = locks_.find(slot);
    if (lock == locks_.end() || lock->second.owner != input.String("op")) continue;
    lock->second.owner.clear();
    lock->second.floor = lock->second.before;
  }
  return Value::Struct();
}

// Only under its lock: after that has ended, another may have written.
base::Result<Strong::Value> Strong::TakeWrite(const Value& input) {
  const std::vector<Slot> slots = SlotsFrom(input.Sub("keys"));
  for (const Slot& slot : slots) {
    const auto lock = locks_.find(slot);
    if (lock == locks_.end() || lock->second.owner != input.String("op") ||
        lock->second.until <= options_.clock->Monotonic())
      return Value::Struct({{"taken", false}});
  }
  for (const Slot& slot : slots) {
    locks_[slot].owner.clear();
    locks_[slot].floor = locks_[slot].before;
  }
  for (const Value& part : input.Items("parts")) {
    const std::string table(part.String("table"));
    const std::vector<ItemChange> changes = ChangesFrom(part.Sub("changes"));
    const auto applied = Apply(table, changes);
    if (!applied.ok()) return applied.error();
    Took(table, std::string(input.String("from")), changes);
    for (const ItemChange& change : changes) SetFloor({table, change.key}, change.version.micros);
  }
  return Value::Struct({{"taken", true}});
}

}  // namespace leeward::lab::replicas
