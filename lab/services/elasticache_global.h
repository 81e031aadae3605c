// A Global Datastore as each of its Regions knows it. Values in, values out.
//
// Every member Region keeps a copy and decides by it alone: there is nobody to ask when a Region is
// gone. Copies that meet are merged, part by part; the same two give the same outcome in either
// order, so that all Regions end with the same one.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lab/core/service.h"
#include "shapes/value.h"

namespace leeward::lab::elasticache {

// Who writes. Only failovers change it, so that nothing else that happened on the other side of a
// cut can outvote one.
struct PrimaryPart {
  std::int64_t epoch = 0;
  std::string decider;  // Region; of two decisions with one epoch the greater one's counts
  std::string region;   // whose member writes now
  std::string target;   // Region that is being promoted, or empty
};

// One Region's member; that Region alone changes it, but for `removed`.
struct MemberPart {
  std::string region;
  std::string group_id;
  std::int64_t generation = 0;  // counts the joins of this Region
  std::int64_t version = 0;
  bool removed = false;  // for this generation, for good
  bool associated = false;
  bool automatic_failover = false;
  std::string address;  // of the replication endpoint of its primary node
  std::uint16_t port = 0;
};

struct SettingsPart {
  std::int64_t version = 0;
  std::string decider;
  std::string status;     // "creating", "available" or "deleting"
  shapes::Value members;  // GlobalReplicationGroupDescription, CacheNodeType, ...
};

struct GlobalRecord {
  std::string id;
  PrimaryPart primary;
  SettingsPart settings;
  std::map<std::string, MemberPart, std::less<>> members;  // by Region, removed ones too
};

// Takes from `theirs` what is newer than `mine`; whether that changed anything.
bool Merge(GlobalRecord& mine, const GlobalRecord& theirs);

shapes::Value ToValue(const GlobalRecord& record);
GlobalRecord RecordOf(const shapes::Value& saved);

// Members that are not removed.
std::vector<const MemberPart*> Members(const GlobalRecord& record);
const MemberPart* FindMember(const GlobalRecord& record, std::string_view region);
std::string_view Status(const GlobalRecord& record);
enum class MemberInfo { kHide, kShow };
// The GlobalReplicationGroup structure of the API.
shapes::Value Describe(const Host& host, const GlobalRecord& record, MemberInfo info);

// The five letters that AWS puts before the ids of the datastores that are made in a Region.
std::string RegionPrefix(std::string_view region);
// The Regions of AWS that a lab may have.
const std::vector<std::string>& KnownRegions();

// How far behind a replica is, in seconds, by its own clock: since when it lacks something that its
// source had. Fed with what the source is seen to have at an instant; a source that is not seen any
// more counts as if it went on.
class LagMeter {
 public:
  explicit LagMeter(base::Duration fresh) : fresh_(fresh) {}
  void SourceHas(base::MonotonicTime at, std::int64_t offset);
  // Nothing when the source was never seen.
  std::optional<double> Behind(base::MonotonicTime now, std::int64_t replica_offset);
  void Reset() { samples_.clear(); }

 private:
  struct Sample {
    base::MonotonicTime at;
    std::int64_t offset = 0;
  };
  base::Duration fresh_;         // how long a look at the source stands for now
  std::vector<Sample> samples_;  // in order of both; one before those that are still to come
};

}  // namespace leeward::lab::elasticache
