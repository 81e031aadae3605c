#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <array>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "lab/items/encoding.h"
#include "lab/items/json.h"
#include "lab/items/update.h"
#include "lab/tables/handlers.h"
#include "lab/tables/item_updates.h"
#include "lab/tables/item_writes.h"
#include "lab/tables/parameters.h"
#include "lab/tables/tokens.h"
#include "lab/tables/transact.h"

namespace leeward::lab::tables {
namespace {

enum class Kind { kPut, kUpdate, kDelete, kCheck };
struct KindName {
  Kind kind;
  std::string_view member;
};
constexpr std::array kKinds = {KindName{Kind::kCheck, "ConditionCheck"},
                               KindName{Kind::kPut, "Put"}, KindName{Kind::kUpdate, "Update"},
                               KindName{Kind::kDelete, "Delete"}};

struct Action {
  Kind kind = Kind::kPut;
  const Json* asked = nullptr;
  items::Item item;  // the whole item of a Put, else the key
  std::optional<items::Update> update;
  std::optional<items::Condition> condition;
  Table* table = nullptr;
  std::string place;
  std::optional<Found> old;
  std::optional<items::Item> made;  // what is put in the end
};

Outcome<Action> ReadAction(const Json& asked, Kind kind) {
  Action action;
  action.kind = kind;
  action.asked = &asked;
  auto read = kind == Kind::kUpdate
                  ? PlaceholdersOf(asked, {"UpdateExpression", "ConditionExpression"},
                                   {"UpdateExpression", "ConditionExpression"})
                  : PlaceholdersOf(asked, {"ConditionExpression"}, {"ConditionExpression"});
  ASSIGN_OR_RETURN(items::Placeholders placeholders, std::move(read));
  ASSIGN_OR_RETURN(action.item,
                   items::ItemFromJson(*Find(asked, kind == Kind::kPut ? "Item" : "Key")));
  if (const Json* text = Find(asked, "UpdateExpression"); text != nullptr) {
    ASSIGN_OR_RETURN(action.update, items::Update::Parse(TextOf(*text), placeholders));
  }
  ASSIGN_OR_RETURN(action.condition, ConditionOf(asked, "ConditionExpression", placeholders));
  RETURN_IF_ERROR(placeholders.CheckAllUsed());
  return action;
}

Outcome<Action> ReadAction(const Json& asked) {
  const KindName* found = nullptr;
  for (const KindName& each : kKinds) {
    if (Find(asked, each.member) == nullptr) continue;
    if (found != nullptr) {
      return ValidationError("TransactItems can only contain one of Check, Put, Update or Delete");
    }
    found = &each;
  }
  if (found == nullptr) {
    return ValidationError(
        "Invalid Request: TransactWriteRequest should contain Delete or Put or Update request");
  }
  return ReadAction(*Find(asked, found->member), found->kind);
}

Outcome<std::vector<Action>> ReadActions(const Json& body) {
  std::vector<Action> actions;
  for (const Json& asked : Find(body, "TransactItems")->GetArray()) {
    ASSIGN_OR_RETURN(Action action, ReadAction(asked));
    actions.push_back(std::move(action));
  }
  return actions;
}

class Transaction {
 public:
  Transaction(const Request& request, std::vector<Action> actions)
      : request_(request),
        core_(request.core),
        actions_(std::move(actions)),
        reasons_(actions_.size()),
        write_(request.core) {}

  Outcome<WireAnswer> Run() {
    RETURN_IF_ERROR(FindTables());
    if (!Each(&Transaction::CheckKeys)) return Cancelled(reasons_);
    RETURN_IF_ERROR(CheckDuplicates());
    RETURN_IF_ERROR(CheckToken());
    if (repeated_) return Answer();
    RETURN_IF_ERROR(ReadItems());
    if (!Each(&Transaction::Judge)) return Cancelled(reasons_);
    RETURN_IF_ERROR(CheckSize());
    if (!Each(&Transaction::Stage)) return Cancelled(reasons_);
    RememberToken();
    RETURN_IF_ERROR(write_.Commit());
    meters_.Charge();
    return Answer();
  }

 private:
  // Whether the step held for every action; else the reasons say for which not.
  bool Each(Reason (Transaction::*step)(Action& action)) {
    bool all = true;
    for (std::size_t i = 0; i < actions_.size(); ++i) {
      reasons_[i] = (this->*step)(actions_[i]);
      all = all && reasons_[i].code == "None";
    }
    return all;
  }

  Verdict FindTables() {
    for (Action& action : actions_) {
      ASSIGN_OR_RETURN(action.table, TableOfItems(core_, Text(*action.asked, "TableName")));
    }
    return {};
  }

  Reason CheckKeys(Action& action) {
    const Verdict fits = action.kind == Kind::kPut
                             ? CheckItem(*action.table, action.item)
                             : items::CheckKey(action.table->keys, action.item);
    if (!fits.ok()) return ReasonFrom(fits.error());
    if (action.update) {
      const Verdict keys = action.update->CheckKey(action.table->keys);
      if (!keys.ok()) return ReasonFrom(keys.error());
    }
    action.place = ItemPlace(*action.table, action.item);
    return {};
  }

  Verdict CheckDuplicates() const {
    std::set<std::string_view> places;
    for (const Action& action : actions_) {
      if (!places.insert(action.place).second) {
        return ValidationError(
            "Transaction request cannot include multiple operations on one item");
      }
    }
    return {};
  }

  Verdict CheckToken() {
    token_ = Text(request_.body, "ClientRequestToken");
    if (token_.empty()) return {};
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    Find(request_.body, "TransactItems")->Accept(writer);
    text_.assign(buffer.GetString(), buffer.GetSize());
    ASSIGN_OR_RETURN(repeated_, IsRepeated(core_, token_, text_));
    if (!repeated_) return {};
    for (const Action& action : actions_) {
      ASSIGN_OR_RETURN(const Found found, ReadItem(core_, action.place));
      MeterOf(action).Read(ReadUnits(found.size(), Consistency::kStrong) * kTransactionFactor);
    }
    return {};
  }

  Verdict ReadItems() {
    for (Action& action : actions_) {
      ASSIGN_OR_RETURN(action.old, ReadItem(core_, action.place));
    }
    return {};
  }

  // Whether the action may go ahead, and what it makes.
  Reason Judge(Action& action) {
    const Verdict admitted = AdmitWrite(core_, *action.table);
    if (!admitted.ok()) return ReasonFrom(admitted.error());
    if (action.condition && !action.condition->Holds(action.old->item())) {
      Reason reason{"ConditionalCheckFailed", "The conditional request failed", ""};
      if (Text(*action.asked, "ReturnValuesOnConditionCheckFailure") == "ALL_OLD" &&
          action.old->exists()) {
        CHECK(items::AppendJsonFromStored(action.old->head().item, reason.item).ok());
      }
      return reason;
    }
    if (action.kind == Kind::kPut) {
      const Verdict size = items::CheckItemSize(action.item);
      if (!size.ok()) return ReasonFrom(size.error());
      action.made = action.item;
    }
    if (action.kind == Kind::kUpdate) {
      auto updated = Updated(*action.table, action.item, action.update, *action.old);
      if (!updated.ok()) return ReasonFrom(updated.error());
      action.made = std::move(*updated);
    }
    return {};
  }

  Verdict CheckSize() const {
    std::size_t bytes = 0;
    for (const Action& action : actions_) {
      bytes +=
          std::max<std::size_t>(action.old->size(), action.made ? items::SizeOf(*action.made) : 0);
    }
    if (bytes <= kMaxTransactionBytes) return {};
    return ValidationError("Aggregated size of all items in a transaction exceeds 4 MB");
  }

  Reason Stage(Action& action) {
    WriteCost cost{WriteUnits(action.old->size()), {}};
    if (action.made) {
      cost = write_.Put(*action.table, action.place, *action.old, *action.made);
    } else if (action.kind == Kind::kDelete) {
      cost = write_.Delete(*action.table, action.place, *action.old, action.item);
    }
    MeterOf(action).Wrote(cost, kTransactionFactor);
    const Verdict admitted = AdmitIndexes(core_, *action.table, cost);
    return admitted.ok() ? Reason() : ReasonFrom(admitted.error());
  }

  void RememberToken() {
    if (!token_.empty()) Remember(core_, token_, text_, write_.batch());
  }

  Meter& MeterOf(const Action& action) {
    return meters_.Of(*action.table, Text(*action.asked, "TableName"));
  }

  std::string Collections() const {
    std::string out;
    std::set<std::string> seen;
    for (const Action& action : actions_) {
      if (action.kind == Kind::kCheck || !ShowsCollection(request_.body, *action.table)) continue;
      std::string collection;
      AppendCollection(*action.table, action.item, collection);
      std::string entry = fmt::format(R"("{}":[{}])", action.table->name, collection);
      if (!seen.insert(action.table->name).second) continue;
      out += out.empty() ? "" : ",";
      out += entry;
    }
    return out;
  }

  WireAnswer Answer() const {
    std::string members;
    meters_.Append(ShownBy(request_.body), members);
    if (const std::string collections = Collections(); !collections.empty()) {
      members += fmt::format(R"(,"ItemCollectionMetrics":{{{}}})", collections);
    }
    return {200, ObjectOf(std::move(members))};
  }

  const Request& request_;
  Core& core_;
  std::vector<Action> actions_;
  std::vector<Reason> reasons_;
  Write write_;
  Meters meters_;
  std::string_view token_;
  std::string text_;
  bool repeated_ = false;
};

}  // namespace

WireAnswer TransactWriteItems(const Request& request) {
  auto actions = ReadActions(request.body);
  if (!actions.ok()) return ErrorAnswer(actions.error());
  return Flat(Transaction(request, std::move(*actions)).Run());
}

}  // namespace leeward::lab::tables
