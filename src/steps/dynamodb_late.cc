// What an old Region sent late: found in its own stream, and compared with what stands now.
#include <charconv>

#include "probe/canary.h"
#include "steps/dynamodb.h"
#include "steps/items_late.h"

namespace leeward::steps {
namespace {

using model::Dynamodb;

StepOutcome NotListed(const std::string& why) { return {"late writes are not listed: " + why, {}}; }

}  // namespace

Result<StepOutcome> DynamodbLateWrites(const Work& work) {
  ASSIGN_OR_RETURN(const Dynamodb* dynamodb, work.Component<Dynamodb>());
  ASSIGN_OR_RETURN(const std::string writer, work.Parameter("writer-region"));
  ASSIGN_OR_RETURN(const std::string parted, work.Parameter("parted"));
  if (dynamodb->consistency == model::Consistency::kStrong)
    return StepOutcome{"nothing: a strong table has no late writes", {{"late_items", "0"}}};
  if (parted.empty())
    return NotListed("the journal does not say when " + work.region().str() + " was parted");
  ASSIGN_OR_RETURN(const base::WallTime from, base::ParseIso8601(parted));
  const base::Duration limit = work.limits().call;
  ASSIGN_OR_RETURN(const ItemTable here, TableIn(work, *dynamodb, work.region(), limit));
  ASSIGN_OR_RETURN(const auto last, GetStamp(here, probe::CanaryOf(work.region().str())));
  if (!last) return NotListed("no canary of " + work.region().str() + " is there");
  ASSIGN_OR_RETURN(const Table table, NeedTable(work, work.region(), dynamodb->table));
  if (table.stream_arn.empty())
    return NotListed(Place(dynamodb->table, work.region()) + " has no stream");
  LateSource source;
  source.stream_arn = table.stream_arn;
  source.streams = [&](std::string_view operation, const Value& input) {
    return work.CallFor(limit, work.region(), "dynamodbstreams", operation, input);
  };
  ASSIGN_OR_RETURN(source.writer, TableIn(work, *dynamodb, Region(writer), limit));
  source.cancelled = [&] { return work.Cancelled(); };
  source.pause = [&](base::Duration wait) { return work.Pause(wait); };
  ASSIGN_OR_RETURN(const LateItems late, FindLateItems(source, {from, *last}));
  return StepOutcome{Summary(late) + ", between " + base::FormatIso8601(from) + " and " +
                         base::FormatIso8601(*last),
                     {{"late_items", std::to_string(late.items.size())},
                      {"from", parted},
                      {"to", base::FormatIso8601(*last)}}};
}

}  // namespace leeward::steps
