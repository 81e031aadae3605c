// Consistent reads: what two Regions hold.
#include <algorithm>
#include <map>
#include <set>

#include "lab/replicas/group.h"
#include "lab/replicas/strong.h"

namespace leeward::lab::replicas {
namespace {

using shapes::Value;
using tables::ItemChange;

constexpr std::size_t kPage = 2000;  // changes in one message

ApiError NoMajority() { return {"InternalServerError", "Internal server error", 500, {}}; }

}  // namespace

void Strong::AdmitRead(std::vector<Touched> touched, const Proceed& proceed) {
  std::vector<Touched> keys;
  std::set<std::string> whole;
  for (Touched& one : touched) {
    if (one.key.empty()) {
      whole.insert(one.table);
    } else {
      keys.push_back(std::move(one));
    }
  }
  if (whole.empty()) return Peek(keys, proceed);
  // Query and Scan read one table.
  CatchUp(*whole.begin(), proceed);
}

// The first of the other Regions that answers well will do.
void Strong::Quorum(const std::vector<std::string>& others, std::string_view operation,
                    const Value& input,
                    const std::function<void(const std::string&, const Value&,
                                             const std::function<void(bool)>&)>& use,
                    const Proceed& proceed) {
  auto left = std::make_shared<std::size_t>(others.size());
  auto said = std::make_shared<bool>(false);
  const auto one = [left, said, proceed](bool good) {
    --*left;
    if (*said || (!good && *left > 0)) return;
    *said = true;
    proceed(good ? Verdict() : Verdict(NoMajority()));
  };
  for (const std::string& region : others) {
    options_.peers->Call(region, operation, input, options_.limits.answer,
                         [region, said, one, use](const base::Result<Value>& answer) {
                           if (*said || !answer.ok()) return one(false);
                           use(region, *answer, one);
                         });
  }
}

void Strong::Peek(const std::vector<Touched>& touched, const Proceed& proceed) {
  const auto use = [this](const std::string& region, const Value& answer,
                          const std::function<void(bool)>& good) {
    // What is newer there is taken; what is newer here is given, so that two hold it.
    std::map<std::string, std::vector<ItemChange>> behind;
    for (const Value& one : answer.Items("keys")) {
      for (const Slot& slot : SlotsFrom(Value::List{one})) {
        if (!Learn(slot.first, region, ChangesFrom(one.Sub("c"))).ok()) return good(false);
        if (!one.Flag("behind", false)) continue;
        const auto held = options_.replication->Read(slot.first, slot.second);
        if (!held.ok()) return good(false);
        if (*held) behind[slot.first].push_back(**held);
      }
    }
    if (behind.empty()) return good(true);
    auto left = std::make_shared<std::size_t>(behind.size());
    auto all = std::make_shared<bool>(true);
    for (const auto& [table, changes] : behind) {
      Push(table, region, changes, [left, all, good](bool taken) {
        *all = *all && taken;
        if (--*left == 0) good(*all);
      });
    }
  };
  Quorum(options_.others(touched.front().table), "peek",
         Value::Struct({{"keys", KeysToValue(touched)}}), use, proceed);
}

void Strong::Push(const std::string& table, const std::string& region,
                  const std::vector<ItemChange>& changes, const std::function<void(bool)>& good) {
  options_.peers->Call(
      region, "push",
      Value::Struct({{"table", table}, {"from", options_.region}, {"changes", ToValue(changes)}}),
      options_.limits.answer, [good](const base::Result<Value>& answer) { good(answer.ok()); });
}

// All that the other Region may hold and this one not, and then the other way.
void Strong::CatchUp(const std::string& table, const Proceed& proceed) {
  const auto use = [this, table](const std::string& region, const Value& answer,
                                 const std::function<void(bool)>& good) {
    const std::string life(answer.String("life"));
    const auto push = [this, table, region, good](bool pulled) {
      if (!pulled) return good(false);
      PushOwn(table, region, options_.arrived(table, region), good);
    };
    auto& taken = pulled_[{table, region}];
    if (taken != life || answer.Flag("whole", false)) {
      return Pull(table, region, "", [this, table, region, life, push](bool pulled) {
        if (pulled) pulled_[{table, region}] = life;
        push(pulled);
      });
    }
    push(Learn(table, region, ChangesFrom(answer.Sub("changes"))).ok());
  };
  Quorum(options_.others(table), "behind",
         Value::Struct({{"table", table}, {"from", options_.region}}), use, proceed);
}

void Strong::Pull(const std::string& table, const std::string& region, const std::string& from,
                  const std::function<void(bool)>& good) {
  options_.peers->Call(
      region, "piece", Value::Struct({{"table", table}, {"next", shapes::Blob{from}}}),
      options_.limits.answer, [this, table, region, good](const base::Result<Value>& answer) {
        const auto applied =
            answer.ok() ? Apply(table, ChangesFrom(answer->Sub("changes"))) : answer.error();
        if (!applied.ok()) return good(false);
        // More than is worth noting one by one: who asks here takes the whole table, too.
        if (*applied > 0) life_ = options_.random->Hex(16);
        const Value* next = answer->Find("next");
        const bool more = next != nullptr && next->is_blob() && !next->blob().bytes.empty();
        if (!more) return good(true);
        Pull(table, region, next->blob().bytes, good);
      });
}

// What was written here and may not be there yet.
void Strong::PushOwn(const std::string& table, const std::string& region, std::uint64_t after,
                     const std::function<void(bool)>& good) {
  const auto page = options_.replication->Changes(table, after, kPage);
  if (!page.ok()) return good(false);
  if (page->changes.empty()) return good(true);
  Push(table, region, page->changes, [this, table, region, next = page->next, good](bool taken) {
    if (!taken) return good(false);
    PushOwn(table, region, next, good);
  });
}

base::Result<Value> Strong::TakePeek(const Value& input) {
  Value::List keys;
  for (const Value& one : input.Items("keys")) {
    for (const Slot& slot : SlotsFrom(Value::List{one})) {
      ASSIGN_OR_RETURN(const auto held, options_.replication->Read(slot.first, slot.second));
      const tables::Version theirs{one.Int("m"), std::string(one.String("r"))};
      const tables::Version ours = held ? held->version : tables::Version{};
      Value answer = Value::Struct({{"t", slot.first}, {"k", shapes::Blob{slot.second}}});
      if (held && theirs < ours) answer.Set("c", ToValue({*held}));
      if (ours < theirs) answer.Set("behind", true);
      keys.push_back(std::move(answer));
    }
  }
  return Value::Struct({{"keys", std::move(keys)}});
}

base::Result<Value> Strong::TakePush(const Value& input) {
  const std::string table(input.String("table"));
  const std::vector<ItemChange> changes = ChangesFrom(input.Sub("changes"));
  RETURN_IF_ERROR(Learn(table, std::string(input.String("from")), changes));
  return Value::Struct();
}

base::Result<Value> Strong::TakeBehind(const Value& input) {
  const std::string table(input.String("table"));
  const std::string from(input.String("from"));
  ASSIGN_OR_RETURN(const auto page,
                   options_.replication->Changes(table, options_.arrived(table, from), kPage));
  std::vector<ItemChange> changes = page.changes;
  std::size_t bytes = 0;
  for (const auto& [key, held] : unconfirmed_[table]) {
    if (held.from == from) continue;
    ASSIGN_OR_RETURN(const auto item, options_.replication->Read(table, key));
    if (item) changes.push_back(*item);
  }
  for (const ItemChange& change : changes)
    bytes += change.key.size() + (change.item ? change.item->size() : 0);
  const bool much = page.changes.size() >= kPage || bytes > options_.limits.bytes;
  if (much) changes.clear();
  return Value::Struct({{"life", life_}, {"whole", much}, {"changes", ToValue(changes)}});
}

base::Result<Value> Strong::TakePiece(const Value& input) {
  const Value* next = input.Find("next");
  const std::string from = next != nullptr && next->is_blob() ? next->blob().bytes : "";
  ASSIGN_OR_RETURN(const auto piece,
                   options_.replication->Ship(input.String("table"), from, options_.limits.bytes));
  return Value::Struct({{"changes", ToValue(piece.changes)}, {"next", shapes::Blob{piece.next}}});
}

}  // namespace leeward::lab::replicas
