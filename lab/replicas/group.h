// A global table: which Regions have a replica of it, and how each is.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "lab/tables/replication.h"
#include "shapes/value.h"

namespace leeward::lab::replicas {

enum class MemberStatus { kCreating, kCreationFailed, kUpdating, kDeleting, kActive };
std::string_view Name(MemberStatus status);  // "CREATING"

struct Member {
  MemberStatus status = MemberStatus::kCreating;
  std::string problem;      // why its creation failed
  std::string key;          // KMS key of one's own that it is encrypted under; empty: none
  base::WallTime source{};  // when it was last copied from for a new replica; zero: never
};

enum class Consistency { kEventual, kStrong };

struct Group {
  std::string table;
  Consistency consistency = Consistency::kEventual;
  std::map<std::string, Member> members;  // by Region, one's own too
  std::string witness;                    // Region; empty: none

  bool strong() const { return consistency == Consistency::kStrong; }
  // The Regions that hold a vote: the members and the witness.
  std::vector<std::string> Others(std::string_view region) const;
};

shapes::Value ToValue(const Group& group);
Group GroupFrom(const shapes::Value& value);
// What DescribeTable adds in that Region.
shapes::Value Describe(const Group& group, std::string_view region);

// Changes as they travel.
shapes::Value ToValue(const std::vector<tables::ItemChange>& changes);
std::vector<tables::ItemChange> ChangesFrom(const shapes::Value& value);

// What of an UpdateTable the replicas share, and what each keeps to itself: billing mode, write
// capacity, global indexes, encryption's type and the stream go along.
shapes::Value SharedSettings(std::string_view operation, const shapes::Value& input);

}  // namespace leeward::lab::replicas
