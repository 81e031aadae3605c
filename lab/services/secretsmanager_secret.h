// A secret as its Region knows it: the primary and what it knows of its replicas, or a replica and
// where it comes from. Values in, values out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "lab/core/service.h"
#include "shapes/value.h"

namespace leeward::lab::secretsmanager {

inline constexpr std::string_view kCurrent = "AWSCURRENT";
inline constexpr std::string_view kPrevious = "AWSPREVIOUS";
inline constexpr std::string_view kManagedKey = "alias/aws/secretsmanager";

struct Version {
  std::string id;
  shapes::Value content;  // SecretString or SecretBinary, as a member of a structure
  base::WallTime created;
  std::optional<base::WallTime> accessed;  // the day
  std::vector<std::string> stages;
  std::string key;

  bool Has(std::string_view stage) const;
};

enum class Sync : std::uint8_t { kInProgress, kInSync, kFailed };
std::string_view NameOf(Sync sync);

// What the primary knows of a replica.
struct Replica {
  std::string region;
  std::string key;              // empty: the Region's own
  std::int64_t generation = 0;  // counts the replicas that the secret was given
  std::int64_t revision = 0;    // that the other Region has
  bool overwrite = false;
  Sync status = Sync::kInProgress;
  std::string message;
};

// Where a replica comes from.
struct Origin {
  std::string region;
  std::int64_t generation = 0;
  std::int64_t revision = 0;
};

// A replica that its own Region made standalone: its primary cannot take it back by what it sent
// before it knew.
struct Release {
  Origin from;
};

struct Secret {
  std::string name;
  std::string suffix;  // six letters and digits at the end of the ARN
  std::string description;
  std::string type;
  std::string key;  // as it was given; empty: the Region's own
  shapes::Value::List tags;
  base::WallTime created;
  base::WallTime changed;
  std::optional<base::WallTime> accessed;  // the day
  std::optional<base::WallTime> deleted;   // when its deletion was asked for
  base::WallTime purge;                    // when it is done; counts once `deleted` is set
  std::vector<Version> versions;           // in order of their making
  std::int64_t revision = 0;               // counts what replicas have to learn
  std::int64_t generation = 0;
  std::vector<Replica> replicas;
  std::optional<Origin> origin;
  std::optional<Release> release;

  Version* Find(std::string_view version_id);
  const Version* Find(std::string_view version_id) const;
  Version* AtStage(std::string_view stage);
  const Version* AtStage(std::string_view stage) const;
  Replica* In(std::string_view region);
  bool is_replica() const { return origin.has_value(); }
};

// Takes `stage` from whichever version has it; AWSPREVIOUS follows where AWSCURRENT was.
void MoveStage(Secret& secret, std::string_view stage, std::string_view to_version);
void RemoveStage(Version& version, std::string_view stage);

// What a replica is told: all that is the same in every Region.
shapes::Value Shared(const Secret& secret);
void TakeShared(Secret& secret, const shapes::Value& shared);

shapes::Value Save(const Secret& secret);
Secret LoadSecret(const shapes::Value& saved);

std::string ArnOf(const Host& host, const Secret& secret);
// Midnight of the day: what AWS tells of an access.
base::WallTime DayOf(base::WallTime time);

// The structures of the API.
shapes::Value ShowValue(const Host& host, const Secret& secret, const Version& version);
shapes::Value ShowReplicas(const Secret& secret);
// What DescribeSecret and ListSecrets have in common.
shapes::Value Describe(const Host& host, const Secret& secret);
shapes::Value StagesByVersion(const Secret& secret);

}  // namespace leeward::lab::secretsmanager
