// A page of a Query or a Scan: what both check alike, and the walk itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lab/items/condition.h"
#include "lab/items/projection.h"
#include "lab/tables/capacity.h"
#include "lab/tables/core.h"

namespace leeward::lab::tables {

enum class Select { kAll, kProjected, kSpecific, kCount };

// What a page is of, and how it is shown.
struct PagePlan {
  Table* table = nullptr;
  Index* index = nullptr;  // null: the table itself
  // Store keys: from `begin`, up to but without `end`.
  std::string begin;
  std::string end;
  enum class Order { kForward, kBackward } order = Order::kForward;
  std::optional<items::Condition> filter;
  std::optional<items::Projection> projection;
  Select select = Select::kAll;
  Consistency consistency = Consistency::kEventual;
  std::int64_t limit = 0;  // items to look at; 0: as many as fit
  // Whether the item's other attributes are fetched from the table: a local index that does not
  // hold what is asked for.
  bool fetches = false;
};

// Select, checked against the projection: before the table is looked up. `verb`: "Querying",
// "Scanning".
Outcome<Select> SelectOf(const Json& body, std::string_view verb);
// The index that is named, and whether it can be read so.
Verdict PickIndex(const Json& body, PagePlan& plan);
// Whether the index holds what is asked for; a local one fetches the rest.
Verdict CheckProjected(PagePlan& plan);

// ExclusiveStartKey's values; nullopt when there is none.
Outcome<std::optional<items::Item>> StartOf(const Json& body);
// The place at which a page goes on behind; the key must be one of the table or index.
Outcome<std::string> StartPlace(const PagePlan& plan, const items::Item& start);

// Reads the page and writes the answer.
Outcome<std::string> ReadPage(const Request& request, const PagePlan& plan);

}  // namespace leeward::lab::tables
