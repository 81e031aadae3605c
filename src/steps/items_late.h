// Late items: what a Region wrote to a global table after the other Region had been parted from it,
// and sent when it came back.
//
// DynamoDB does not say where an item came from. What it does have is each Region's own stream,
// with the time of every change: while a Region was cut off nothing came into it from elsewhere, so
// the changes of that time are its own. The stream tells seconds and keeps a day; what is older is
// gone, and at the edges a change may be taken for late that was not.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "shapes/value.h"
#include "steps/items.h"

namespace leeward::steps {

struct LateSpan {
  base::WallTime from;  // newest canary that the other Region had when it took over
  base::WallTime to;    // last canary that this Region wrote itself
};

struct LateItem {
  shapes::Value key;    // as AttributeValues by name
  shapes::Value image;  // the item as this Region wrote it last; absent: it was deleted
  bool stands = false;  // the other Region has it so; else a later write replaced it
};

struct LateItems {
  std::uint64_t read = 0;  // changes looked at
  std::vector<LateItem> items;
  // False: there were more than kMaxLateItems, or more than a bound of changes, or a shard that is
  // closed did not come to its end, or `silent` is not 0.
  bool complete = true;
  // Shards that are still written to and answered nothing more, without a change from after the
  // span: DynamoDB may answer so while changes are on their way.
  std::uint64_t silent = 0;
};
inline constexpr std::size_t kMaxLateItems = 10'000;

struct LateSource {
  std::string stream_arn;
  ItemCall streams;  // of the service dynamodbstreams, where the items were written
  ItemTable writer;  // the table where the application writes now
  std::function<bool()> cancelled;
  std::function<base::Status(base::Duration)> pause;
};
base::Result<LateItems> FindLateItems(const LateSource& source, const LateSpan& span);

// "3 items, 1 of them replaced by a later write".
std::string Summary(const LateItems& late);

}  // namespace leeward::steps
