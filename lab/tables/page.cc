#include "lab/tables/page.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "lab/items/encoding.h"
#include "lab/items/json.h"
#include "lab/tables/layout.h"
#include "lab/tables/parameters.h"
#include "lab/tables/write.h"

namespace leeward::lab::tables {
namespace {

constexpr std::size_t kPageBytes = std::size_t{1} << 20;

class PageReader {
 public:
  PageReader(const Request& request, const PagePlan& plan)
      : core_(request.core),
        body_(request.body),
        plan_(plan),
        meter_(*plan.table, Text(request.body, "TableName")) {}

  Outcome<std::string> Read() {
    Walk walk = core_.store->Range(Space::kItems, plan_.begin, plan_.end);
    const bool forward = plan_.order == PagePlan::Order::kForward;
    forward ? walk.SeekFirst() : walk.SeekLast();
    bool more = false;
    while (walk.Valid() && !more) {
      RETURN_IF_ERROR(Take(walk));
      more = bytes_ >= kPageBytes || scanned_ == plan_.limit;
      if (more) last_ = KeyAt(walk.value());
      forward ? walk.Next() : walk.Previous();
    }
    if (!more && !walk.status().ok()) return Broken(walk.status().error());
    return Finish();
  }

 private:
  std::string_view StoredAt(std::string_view value) const {
    return plan_.index == nullptr ? ReadHead(value).item : value;
  }

  items::Item Decode(std::string_view stored) const {
    auto item = items::ItemFromStored(stored);
    CHECK_MSG(item.ok(), "the store holds an item that is none");
    return std::move(*item);
  }

  std::size_t SizeAt(std::string_view value) const {
    if (plan_.index == nullptr) return ReadHead(value).size;
    const auto size = items::SizeOfStored(value);
    CHECK_MSG(size.ok(), "the store holds an entry that is none");
    return *size;
  }

  items::Item KeyAt(std::string_view value) const {
    const items::Item item = Decode(StoredAt(value));
    items::Item key = items::KeyOf(plan_.table->keys, item);
    if (plan_.index != nullptr) {
      for (const items::Entry& entry : items::KeyOf(plan_.index->keys, item)) {
        key.Set(entry.name, entry.value);
      }
    }
    return key;
  }

  Verdict Take(const Walk& walk) {
    ++scanned_;
    bytes_ += SizeAt(walk.value());
    const std::string_view stored = StoredAt(walk.value());
    if (plan_.fetches) return TakeFetched(Decode(stored));
    if (!plan_.filter && !plan_.projection) {
      ++count_;
      if (plan_.select != Select::kCount) AppendStored(stored);
      return {};
    }
    TakeItem(Decode(stored));
    return {};
  }

  Verdict TakeFetched(const items::Item& entry) {
    ASSIGN_OR_RETURN(const Found found, ReadItem(core_, ItemPlace(*plan_.table, entry)));
    fetched_ += ReadUnits(found.size(), plan_.consistency);
    TakeItem(found.item());
    return {};
  }

  void TakeItem(const items::Item& item) {
    if (plan_.filter && !plan_.filter->Holds(item)) return;
    ++count_;
    if (plan_.select == Select::kCount) return;
    Separate();
    items::AppendJson(plan_.projection ? plan_.projection->Apply(item) : item, items_);
  }

  void Separate() {
    if (!items_.empty()) items_ += ',';
  }
  void AppendStored(std::string_view stored) {
    Separate();
    CHECK(items::AppendJsonFromStored(stored, items_).ok());
  }

  std::string Finish() {
    const double units = ReadUnits(bytes_, plan_.consistency);
    if (plan_.index == nullptr) {
      meter_.Read(units);
    } else {
      meter_.ReadIndex(*plan_.index, units);
      meter_.Read(fetched_);
    }
    meter_.Charge();
    std::string out = fmt::format(R"({{"Count":{},"ScannedCount":{})", count_, scanned_);
    if (plan_.select != Select::kCount) {
      out.reserve(items_.size() + 256);
      out += R"(,"Items":[)";
      out += items_;
      out += ']';
    }
    if (last_) AppendAttributes("LastEvaluatedKey", *last_, out);
    AppendConsumed(ShownBy(body_), meter_, out);
    out += '}';
    return out;
  }

  Core& core_;
  const Json& body_;
  const PagePlan& plan_;
  Meter meter_;
  std::string items_;
  std::int64_t count_ = 0;
  std::int64_t scanned_ = 0;
  std::size_t bytes_ = 0;
  double fetched_ = 0;
  std::optional<items::Item> last_;
};

bool Holds(const Table& table, const Index& index, const std::string& name) {
  if (index.projection.kind == ProjectionKind::kAll || table.keys.Has(name) ||
      index.keys.Has(name)) {
    return true;
  }
  const auto& names = index.projection.names;
  return std::find(names.begin(), names.end(), name) != names.end();
}

ApiError BadStart(std::string_view why) {
  return ValidationError(
      fmt::format("The provided starting key is invalid{}{}", why.empty() ? "" : ": ", why));
}

}  // namespace

Outcome<Select> SelectOf(const Json& body, std::string_view verb) {
  const std::string_view select = Text(body, "Select");
  const bool legacy = Find(body, "AttributesToGet") != nullptr;
  const bool chosen = legacy || Find(body, "ProjectionExpression") != nullptr;
  const bool indexed = Find(body, "IndexName") != nullptr;
  if (select.empty() && chosen) return Select::kSpecific;
  if (select.empty()) return indexed ? Select::kProjected : Select::kAll;
  if (select == "SPECIFIC_ATTRIBUTES") {
    if (chosen) return Select::kSpecific;
    return ValidationError(
        "Must specify the AttributesToGet or ProjectionExpression when choosing to get "
        "SPECIFIC_ATTRIBUTES");
  }
  if (chosen) {
    return ValidationError(fmt::format("Cannot specify the {} when choosing to get {}",
                                       legacy ? "AttributesToGet" : "ProjectionExpression",
                                       select == "COUNT" ? "only the Count" : select));
  }
  if (select == "COUNT") return Select::kCount;
  if (select == "ALL_ATTRIBUTES") return Select::kAll;
  if (indexed) return Select::kProjected;
  return ValidationError(
      fmt::format("ALL_PROJECTED_ATTRIBUTES can be used only when {} using an IndexName", verb));
}

Verdict PickIndex(const Json& body, PagePlan& plan) {
  const Json* name = Find(body, "IndexName");
  if (name == nullptr) return {};
  plan.index = plan.table->FindIndex(TextOf(*name));
  if (plan.index == nullptr) {
    return ValidationError(
        fmt::format("The table does not have the specified index: {}", TextOf(*name)));
  }
  if (plan.index->global() && plan.consistency == Consistency::kStrong) {
    return ValidationError("Consistent reads are not supported on global secondary indexes");
  }
  if (plan.index->status == TableStatus::kCreating && plan.index->global()) {
    return ValidationError(
        fmt::format("Cannot read from backfilling global secondary index: {}", plan.index->name));
  }
  return {};
}

Verdict CheckProjected(PagePlan& plan) {
  if (plan.index == nullptr || plan.index->projection.kind == ProjectionKind::kAll) return {};
  const bool global = plan.index->global();
  const bool given = plan.select == Select::kAll;
  if (given && global) {
    return InvalidParameter(
        fmt::format("Select type ALL_ATTRIBUTES is not supported for global secondary index {} "
                    "because its projection type is not ALL",
                    plan.index->name));
  }
  std::set<std::string> missing;
  if (plan.projection) {
    for (const items::Path& path : plan.projection->paths()) {
      if (!Holds(*plan.table, *plan.index, path.top)) missing.insert(path.top);
    }
  }
  if (!missing.empty() && global) {
    return InvalidParameter(fmt::format("Global secondary index {} does not project [{}]",
                                        plan.index->name, fmt::join(missing, ", ")));
  }
  plan.fetches = given || !missing.empty();
  return {};
}

Outcome<std::optional<items::Item>> StartOf(const Json& body) {
  const Json* start = Find(body, "ExclusiveStartKey");
  if (start == nullptr) return std::optional<items::Item>();
  auto key = items::ItemFromJson(*start);
  if (!key.ok()) return BadStart(key.error().message);
  return std::optional<items::Item>(std::move(*key));
}

Outcome<std::string> StartPlace(const PagePlan& plan, const items::Item& start) {
  std::vector<items::KeyPart> parts = {plan.table->keys.hash};
  const auto add = [&parts](const items::KeyPart& part) {
    const auto same = [&part](const items::KeyPart& each) { return each.name == part.name; };
    if (std::none_of(parts.begin(), parts.end(), same)) parts.push_back(part);
  };
  if (plan.table->keys.range) add(*plan.table->keys.range);
  if (plan.index != nullptr) {
    add(plan.index->keys.hash);
    if (plan.index->keys.range) add(*plan.index->keys.range);
  }
  if (start.size() != parts.size()) return BadStart("");
  for (const items::KeyPart& part : parts) {
    const items::Attribute* value = start.Find(part.name);
    if (value == nullptr || value->type() != part.type) {
      return BadStart("The provided key element does not match the schema");
    }
    if (items::SizeOf(*value) == 0) {
      return BadStart(fmt::format(
          "One or more parameter values are not valid. The AttributeValue for a key attribute "
          "cannot contain an empty {} value. Key: {}",
          part.type == items::Type::kS ? "string" : "binary", part.name));
    }
  }
  if (plan.index == nullptr) return ItemPlace(*plan.table, start);
  const std::string place = EntryPlace(*plan.table, *plan.index, start);
  if (place.empty()) return BadStart("");
  return place;
}

Outcome<std::string> ReadPage(const Request& request, const PagePlan& plan) {
  RETURN_IF_ERROR(AdmitRead(request.core, *plan.table, plan.index));
  return PageReader(request, plan).Read();
}

}  // namespace leeward::lab::tables
