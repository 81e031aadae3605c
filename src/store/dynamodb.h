// A shared store in one DynamoDB global table with multi-Region strong consistency: it survives the
// loss of any one Region. docs/formats/dynamodb-store.md.
//
// Such a table alone will do. In one that is eventually consistent a condition is checked against
// the replica that is asked: two Regions may both have theirs met. A table in one Region is lost
// with it. Both are refused by name before the first call.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "aws/client.h"
#include "base/result.h"
#include "model/ids.h"
#include "ports/clock.h"
#include "ports/shared_store.h"

namespace leeward::store {

struct DynamoDbOptions {
  std::string table;
  // With a replica of it, the nearest first; 2 or 3. One that does not answer is passed over within
  // the call's deadline, and asked last from then on.
  std::vector<model::Region> regions;
};

// Makes no call. The client outlives the store. kInvalid: the wrong number of Regions.
base::Result<std::unique_ptr<ports::SharedStore>> OpenDynamoDb(const DynamoDbOptions& options,
                                                               aws::Client& client,
                                                               const ports::Clock& clock);

}  // namespace leeward::store
