// Looking for what rows name: a table's items and a cache's keys by their own protocols, everything
// else by asking the application in the recovery Region, which alone knows where it keeps what.
#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "probe/http.h"
#include "steps/consistency.h"
#include "steps/dynamodb.h"
#include "steps/ecs.h"
#include "steps/elasticache.h"

namespace leeward::steps {
namespace {

using decide::LookedAt;
using LookedRows = std::vector<LookedAt*>;

constexpr std::size_t kItemsPerCall = 100;  // of BatchGetItem
constexpr int kItemRounds = 5;              // for what it left unprocessed
constexpr base::Duration kItemPause = std::chrono::milliseconds(200);
constexpr std::size_t kKeysPerTurn = 500;  // sent to a cache together
constexpr int kHttpTries = 2;
constexpr int kStatusNotFound = 404, kStatusGone = 410;
constexpr char kNoTime[] = "there was no time left to look";

void Leave(const LookedRows& rows, const std::string& why) {
  for (LookedAt* row : rows) {
    row->found = model::Named::kUnverified;
    row->why = why;
  }
}

// The work as if its step were of that component, whose addresses are then found.
class AsOf {
 public:
  AsOf(const Work& work, const model::ComponentName& component)
      : step_(StepOf(work.step(), component)),
        context_{work.context().application, work.context().inventory,
                 work.context().plan,        step_,
                 work.context().outputs,     work.context().attempt,
                 work.context().deadline,    work.context().cancelled,
                 work.context().progress,    work.context().execution,
                 work.context().plan_digest},
        work_(context_, work.shared()) {}
  const Work& work() const { return work_; }

 private:
  static model::Step StepOf(model::Step step, const model::ComponentName& component) {
    step.component = component;
    return step;
  }
  const model::Step step_;
  const ports::StepContext context_;
  const Work work_;
};

bool OutOfTime(const Work& work) {
  return work.Cancelled() || work.Left() < work.limits().reference_spare;
}

// --- Tables

Value ItemAttribute(const KeyAttribute& attribute, const std::string& text) {
  if (attribute.type == "N") return Value::Struct({{"N", text}});
  if (attribute.type == "B") return Value::Struct({{"B", Value(shapes::Blob{text})}});
  return Value::Struct({{"S", text}});
}

std::string AttributeText(const KeyAttribute& attribute, const Value& item) {
  const Value& value = item.Sub(attribute.name);
  if (attribute.type == "N") return PlainNumber(value.String("N"));
  const Value* bytes = value.Find("B");
  if (attribute.type == "B")
    return bytes != nullptr && bytes->is_blob() ? bytes->blob().bytes : std::string();
  return std::string(value.String("S"));
}

std::string ComparableText(const KeyAttribute& attribute, const std::string& text) {
  return attribute.type == "N" ? PlainNumber(text) : text;
}

using ItemId = std::pair<std::string, std::string>;

// Rows by what they name: a call may name each item once.
using RowsByItem = std::map<ItemId, LookedRows>;

class TableLook {
 public:
  explicit TableLook(const Work& work, const ItemTable& table) : work_(work), table_(table) {}

  void Look(const LookedRows& rows) {
    RowsByItem some;
    for (LookedAt* row : rows) {
      if (!Fits(row)) continue;
      some[IdOf(row->naming)].push_back(row);
      if (some.size() < kItemsPerCall) continue;
      Ask(std::exchange(some, {}));
    }
    if (!some.empty()) Ask(std::move(some));
  }

 private:
  bool Fits(LookedAt* row) const {
    const bool two_parts = !table_.key.range.name.empty();
    const ItemId id = IdOf(row->naming);
    if (two_parts != !row->naming.range.empty()) {
      row->why = two_parts ? "the table's key has two parts; the reference needs 'range'"
                           : "the table's key has one part; the reference has a 'range'";
    } else if (id.first.empty() || (two_parts && id.second.empty())) {
      row->why = "'" + row->naming.Text() + "' is no key of the table";
    } else {
      return true;
    }
    return false;
  }

  ItemId IdOf(const decide::Naming& naming) const {
    return {ComparableText(table_.key.hash, naming.key),
            ComparableText(table_.key.range, naming.range)};
  }

  Value KeyFor(const ItemId& id) const {
    Value key = Value::Struct({{table_.key.hash.name, ItemAttribute(table_.key.hash, id.first)}});
    if (!table_.key.range.name.empty())
      key.Set(table_.key.range.name, ItemAttribute(table_.key.range, id.second));
    return key;
  }

  Value InputFor(const RowsByItem& rows) const {
    Value::List keys;
    for (const auto& entry : rows) keys.push_back(KeyFor(entry.first));
    Value names = Value::Struct({{"#h", table_.key.hash.name}});
    if (!table_.key.range.name.empty()) names.Set("#r", table_.key.range.name);
    Value of_table = Value::Struct({{"Keys", std::move(keys)}, {"ConsistentRead", true}});
    of_table.Set("ProjectionExpression", table_.key.range.name.empty() ? "#h" : "#h, #r");
    of_table.Set("ExpressionAttributeNames", std::move(names));
    return Value::Struct({{"RequestItems", Value::Struct({{table_.name, std::move(of_table)}})}});
  }

  static void Judge(RowsByItem* rows, const ItemId& id, model::Named found) {
    const auto entry = rows->find(id);
    if (entry == rows->end()) return;
    for (LookedAt* row : entry->second) row->found = found;
    rows->erase(entry);
  }

  ItemId IdOf(const Value& item) const {
    return {AttributeText(table_.key.hash, item),
            table_.key.range.name.empty() ? "" : AttributeText(table_.key.range, item)};
  }

  // What is neither answered nor left unprocessed is not there.
  void Ask(RowsByItem rows) {
    for (int round = 0; round < kItemRounds && !rows.empty(); ++round) {
      if (OutOfTime(work_)) return LeaveAll(rows, kNoTime);
      if (round > 0 && !work_.Pause(kItemPause).ok()) return LeaveAll(rows, kNoTime);
      const auto answer = table_.call("BatchGetItem", InputFor(rows));
      if (!answer.ok() && answer.error().code() == base::ErrorCode::kThrottled) continue;
      // One key that is none spoils the others' call.
      if (!answer.ok() && answer.error().code() == base::ErrorCode::kInvalid && rows.size() > 1)
        return AskHalves(std::move(rows));
      if (!answer.ok()) return LeaveAll(rows, answer.error().message());
      for (const Value& item : answer->Sub("Responses").Items(table_.name))
        Judge(&rows, IdOf(item), model::Named::kThere);
      RowsByItem again;
      for (const Value& key : answer->Sub("UnprocessedKeys").Sub(table_.name).Items("Keys")) {
        if (auto entry = rows.extract(IdOf(key)); !entry.empty()) again.insert(std::move(entry));
      }
      while (!rows.empty()) Judge(&rows, ItemId(rows.begin()->first), model::Named::kMissing);
      rows = std::move(again);
    }
    LeaveAll(rows, "the table left it unprocessed " + std::to_string(kItemRounds) + " times");
  }

  void AskHalves(RowsByItem rows) {
    RowsByItem half;
    while (half.size() < rows.size()) half.insert(rows.extract(rows.begin()));
    Ask(std::move(half));
    Ask(std::move(rows));
  }

  static void LeaveAll(const RowsByItem& rows, const std::string& why) {
    for (const auto& entry : rows) Leave(entry.second, why);
  }

  const Work& work_;
  const ItemTable& table_;
};

void LookInTable(const Work& work, const model::Reference& reference,
                 const model::Dynamodb& dynamodb, const LookedRows& rows) {
  const AsOf of(work, reference.to);
  const auto table = TableIn(of.work(), dynamodb, work.region(), work.limits().call);
  if (!table.ok()) return Leave(rows, table.error().message());
  TableLook(of.work(), *table).Look(rows);
}

// --- Caches

Status LookAtKeys(const Work& work, probe::RedisSession& session, const LookedRows& rows) {
  for (std::size_t at = 0; at < rows.size(); at += kKeysPerTurn) {
    const std::size_t end = std::min(at + kKeysPerTurn, rows.size());
    if (OutOfTime(work)) return base::Unreachable(kNoTime);
    std::vector<std::vector<std::string>> commands;
    for (std::size_t i = at; i < end; ++i) commands.push_back({"EXISTS", rows[i]->naming.key});
    ASSIGN_OR_RETURN(const std::vector<probe::RedisReply> replies,
                     session.Commands(commands, work.Within(work.limits().call),
                                      [&work] { return work.Cancelled(); }));
    for (std::size_t i = at; i < end; ++i)
      rows[i]->found =
          replies.at(i - at).number > 0 ? model::Named::kThere : model::Named::kMissing;
  }
  return base::Ok();
}

void LookInCache(const Work& work, const model::Reference& reference,
                 const model::Elasticache& cache, const LookedRows& rows) {
  const AsOf of(work, reference.to);
  Leave(rows, "it was not looked at");
  const auto address = CacheIn(of.work(), cache, work.region());
  if (!address.ok()) return Leave(rows, address.error().message());
  const Status looked = OnCache(of.work(), *address, work.Left(),
                                [&](probe::RedisSession& session, base::MonotonicTime) -> Status {
                                  return LookAtKeys(of.work(), session, rows);
                                });
  if (looked.ok()) return;
  for (LookedAt* row : rows) {
    if (row->found == model::Named::kUnverified) row->why = looked.error().message();
  }
}

// --- The application

Result<std::string> FrontUrl(const Work& work, const model::Reference& reference) {
  const model::Component* component = work.application().Find(reference.through);
  const auto* ecs = component == nullptr ? nullptr : std::get_if<model::Ecs>(&component->kind);
  if (ecs == nullptr)
    return base::Invalid("'" + reference.through.str() + "' is no service of the spec");
  std::string address(work.Fact(reference.through, work.region(), "load-balancer.address"));
  if (address.empty()) {
    ASSIGN_OR_RETURN(const LoadBalancer balancer,
                     FindLoadBalancer(work, work.region(), ecs->load_balancer));
    address = balancer.dns_name;
  }
  return "http://" + address + ":" + std::to_string(ecs->port);
}

// 2xx is there and 404 is not; whatever else is answered says nothing of it.
void AskApplication(const Work& work, const std::string& url, LookedAt* row) {
  row->found = model::Named::kUnverified;
  for (int attempt = 0; attempt < kHttpTries && row->found == model::Named::kUnverified;
       ++attempt) {
    if (OutOfTime(work)) {
      row->why = kNoTime;
      return;
    }
    const auto reply = probe::AskHttp(
        {.url = url + row->naming.key, .source_address = work.tools().source_address},
        work.tools().resolver, work.Within(work.limits().http), work.tools().clock);
    if (!reply.ok()) {
      row->why = reply.error().message();
    } else if (reply->status / 100 == 2) {
      row->found = model::Named::kThere;
    } else if (reply->status == kStatusNotFound || reply->status == kStatusGone) {
      row->found = model::Named::kMissing;
    } else {
      row->why = row->naming.key + " answers " + std::to_string(reply->status);
    }
  }
}

void LookThroughApplication(const Work& work, const model::Reference& reference,
                            const LookedRows& rows) {
  const auto url = FrontUrl(work, reference);
  if (!url.ok()) return Leave(rows, url.error().message());
  std::atomic<std::size_t> next = 0;
  const auto ask = [&] {
    for (std::size_t at = next++; at < rows.size(); at = next++)
      AskApplication(work, *url, rows[at]);
  };
  std::vector<std::jthread> threads;
  for (int i = 0; i < work.limits().reference_asks; ++i) threads.emplace_back(ask);
}

}  // namespace

std::string PlainNumber(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  const std::size_t point = std::min(text.find('.'), text.size());
  std::string whole(text.substr(0, point));
  std::string part(point < text.size() ? text.substr(point + 1) : std::string_view());
  if (whole.empty() || (whole + part).find_first_not_of("0123456789") != std::string::npos)
    return "";
  whole.erase(0, std::min(whole.find_first_not_of('0'), whole.size() - 1));
  part.erase(part.find_last_not_of('0') + 1);
  const std::string number = part.empty() ? whole : whole + "." + part;
  return negative && number != "0" ? "-" + number : number;
}

void LookForNamed(const Work& work, const model::Reference& reference, const LookedRows& rows) {
  if (rows.empty()) return;
  if (!reference.get.empty()) return LookThroughApplication(work, reference, rows);
  const model::Component* to = work.application().Find(reference.to);
  if (to != nullptr) {
    if (const auto* table = std::get_if<model::Dynamodb>(&to->kind))
      return LookInTable(work, reference, *table, rows);
    if (const auto* cache = std::get_if<model::Elasticache>(&to->kind))
      return LookInCache(work, reference, *cache, rows);
  }
  Leave(rows, "'" + reference.to.str() + "' of the spec cannot be asked for a key");
}

}  // namespace leeward::steps
