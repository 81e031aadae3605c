#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "lab/items/json.h"
#include "lab/items/legacy.h"
#include "lab/tables/handlers.h"
#include "lab/tables/layout.h"
#include "lab/tables/page.h"
#include "lab/tables/parameters.h"
#include "lab/tables/scalars.h"

namespace leeward::lab::tables {
namespace {

struct Segment {
  std::uint64_t number = 0;
  std::uint64_t total = 1;
};

struct AskedScan {
  PagePlan plan;
  Segment segment;
  std::optional<items::Item> start;
};

Outcome<Segment> SegmentOf(const Json& body) {
  const Json* number = Find(body, "Segment");
  const Json* total = Find(body, "TotalSegments");
  const std::int64_t first = Whole(body, "Segment", 0);
  if (first < 0) {
    return ValidationError(fmt::format(
        "1 validation error detected: Value '{}' at 'segment' failed to satisfy constraint: Member "
        "must have value greater than or equal to 0",
        first));
  }
  if (number == nullptr && total == nullptr) return Segment();
  if (number == nullptr) {
    return ValidationError(
        "The Segment parameter is required but was not present in the request when parameter "
        "TotalSegments is present");
  }
  if (total == nullptr) {
    return ValidationError(
        "The TotalSegments parameter is required but was not present in the request when Segment "
        "parameter is present");
  }
  const std::int64_t all = Whole(body, "TotalSegments", 1);
  if (first >= all) {
    return ValidationError(fmt::format(
        "The Segment parameter is zero-based and must be less than parameter TotalSegments: "
        "Segment: {} is not less than TotalSegments: {}",
        first, all));
  }
  return Segment{static_cast<std::uint64_t>(first), static_cast<std::uint64_t>(all)};
}

Outcome<AskedScan> ReadScan(const Json& body) {
  AskedScan scan;
  PagePlan& plan = scan.plan;
  RETURN_IF_ERROR(CheckOneKind(body, {"AttributesToGet", "ScanFilter", "ConditionalOperator"},
                               {"ProjectionExpression", "FilterExpression"}));
  RETURN_IF_ERROR(
      CheckPlaced(body, {"FilterExpression", "ProjectionExpression"}, {"FilterExpression"}));
  const Json* filter = Find(body, "ScanFilter");
  const std::string_view combined = Text(body, "ConditionalOperator");
  if (!combined.empty()) {
    RETURN_IF_ERROR(
        items::CheckConditionalOperator(combined, filter == nullptr ? 0 : filter->MemberCount()));
  }
  if (filter != nullptr) {
    ASSIGN_OR_RETURN(plan.filter, items::ConditionFromFilter(*filter, combined));
  }
  ASSIGN_OR_RETURN(scan.start, StartOf(body));
  ASSIGN_OR_RETURN(scan.segment, SegmentOf(body));
  ASSIGN_OR_RETURN(
      items::Placeholders placeholders,
      PlaceholdersOf(body, {"FilterExpression", "ProjectionExpression"}, {"FilterExpression"}));
  if (Find(body, "FilterExpression") != nullptr) {
    ASSIGN_OR_RETURN(plan.filter, ConditionOf(body, "FilterExpression", placeholders));
  }
  ASSIGN_OR_RETURN(plan.projection, ProjectionOf(body, placeholders));
  RETURN_IF_ERROR(placeholders.CheckAllUsed());
  ASSIGN_OR_RETURN(plan.select, SelectOf(body, "Scanning"));
  if (FlagOf(body, "ConsistentRead") == Flag::kOn) plan.consistency = Consistency::kStrong;
  plan.limit = Whole(body, "Limit", 0);
  return scan;
}

// The least hash of the segment; 2^32 for the one behind the last.
std::uint64_t FirstHash(std::uint64_t number, std::uint64_t total) {
  return ((number << 32) + total - 1) / total;
}

std::string PlaceOfHash(const PagePlan& plan, std::uint64_t hash) {
  const Slot slot = plan.index == nullptr ? kItemsSlot : plan.index->slot;
  if (hash > 0xffffffffULL) return SlotPrefix(plan.table->number, slot + 1);
  std::string place = SlotPrefix(plan.table->number, slot);
  AppendBig32(static_cast<std::uint32_t>(hash), place);
  return place;
}

Verdict StartFrom(const items::Item& start, const Segment& segment, PagePlan& plan) {
  ASSIGN_OR_RETURN(const std::string place, StartPlace(plan, start));
  if (place < plan.begin || place >= plan.end) {
    return ValidationError(
        fmt::format("The provided starting key is invalid: Invalid ExclusiveStartKey. Please use "
                    "ExclusiveStartKey with correct Segment. TotalSegments: {} Segment: {}",
                    segment.total, segment.number));
  }
  plan.begin = place + '\0';
  return {};
}

Outcome<std::string> CarryScan(const Request& request) {
  const Json& body = request.body;
  ASSIGN_OR_RETURN(AskedScan scan, ReadScan(body));
  PagePlan& plan = scan.plan;
  ASSIGN_OR_RETURN(plan.table, TableOfItems(request.core, body));
  RETURN_IF_ERROR(PickIndex(body, plan));
  RETURN_IF_ERROR(CheckScalars(*plan.table, plan.filter));
  RETURN_IF_ERROR(CheckScalars(*plan.table, plan.projection));
  RETURN_IF_ERROR(CheckProjected(plan));
  plan.begin = PlaceOfHash(plan, FirstHash(scan.segment.number, scan.segment.total));
  plan.end = PlaceOfHash(plan, FirstHash(scan.segment.number + 1, scan.segment.total));
  if (scan.start) RETURN_IF_ERROR(StartFrom(*scan.start, scan.segment, plan));
  return ReadPage(request, plan);
}

}  // namespace

WireAnswer Scan(const Request& request) { return ToAnswer(CarryScan(request)); }

}  // namespace leeward::lab::tables
