// Objects: what Leeward itself keeps in an application's buckets: canaries and probes, each one
// empty object whose key begins with ".leeward/" behind the component's prefix, and which carries
// its stamp as metadata, so that a HEAD reads it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "model/application.h"
#include "shapes/value.h"

namespace leeward::steps {

// One operation of S3 in one Region.
using ObjectCall = std::function<base::Result<shapes::Value>(std::string_view operation,
                                                             const shapes::Value& input)>;
struct Bucket {
  std::string name, prefix;
  ObjectCall call;
};

// S3 as it tells of a stamp where it was written: "PENDING", "COMPLETED", "FAILED"; of a copy
// "REPLICA"; empty: no rule was there for it.
struct ObjectStamp {
  base::WallTime stamp;
  std::string replication;
};

// `what` as in "canary:us-east-1".
base::Status PutStamp(const Bucket& bucket, std::string_view what, base::WallTime stamp);
// nullopt: it is not there. S3's reads see the last write in their own Region.
base::Result<std::optional<ObjectStamp>> GetStamp(const Bucket& bucket, std::string_view what);

// Whether the object is one of Leeward's own: by its key.
bool IsLeewards(std::string_view prefix, std::string_view key);

// The id of the rule by which a component's bucket is copied, in either bucket.
std::string ReplicationRuleId(const model::ApplicationName& application,
                              const model::ComponentName& component);

// What CloudWatch of the Region that gets the copies says of a rule.
struct CopyLag {
  base::WallTime at;                       // of the newest minute of which it tells
  base::Duration latency{};                // by how much the copies were behind
  std::int64_t operations = 0, bytes = 0;  // that were under way

  // All that was written before this is copied.
  base::WallTime whole_until() const { return operations > 0 ? at - latency : at; }
};
struct CopyRoute {
  std::string from_bucket, to_bucket, rule;
};
shapes::Value LagQuestion(const CopyRoute& route, base::WallTime now);
// nullopt: there is no minute of which it tells.
std::optional<CopyLag> ReadLag(const shapes::Value& metric_data);

}  // namespace leeward::steps
