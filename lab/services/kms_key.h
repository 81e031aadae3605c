// A KMS key as its Region knows it, and what the Regions of a multi-Region key agree on. Values in,
// values out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "lab/core/service.h"
#include "shapes/value.h"

namespace leeward::lab::kms {

// Which Regions have a multi-Region key, and which of them is its primary. Only the primary changes
// it, so that of two the later is right: by epoch, which each new primary counts up, then version.
struct Family {
  std::string primary;
  std::int64_t epoch = 0;
  std::int64_t version = 0;
  std::vector<std::string> regions;  // the primary's too

  bool Has(std::string_view region) const;
};
bool IsLater(const Family& a, const Family& b);
shapes::Value ToValue(const Family& family);
Family FamilyOf(const shapes::Value& saved);

enum class State : std::uint8_t {
  kCreating,
  kEnabled,
  kDisabled,
  kUpdating,
  kPendingDeletion,
  kPendingReplicaDeletion,
};
std::string_view NameOf(State state);
// For messages: "arn:... is pending deletion."
std::string_view WordsFor(State state);

struct Key {
  std::string id;
  std::string material;  // 32 bytes
  std::string description;
  std::string policy;
  shapes::Value::List tags;
  base::WallTime created;
  std::string managed_by;  // the service whose key AWS keeps, or empty
  bool enabled = true;
  bool joining = false;                    // a replica that its primary does not count yet
  std::optional<std::int64_t> window;      // days, once its deletion is asked for
  std::optional<base::WallTime> deletion;  // when it is deleted; not while it has replicas
  std::optional<Family> family;            // multi-Region keys
  std::string moving_to;                   // the Region that is to be the primary

  State state() const;
};

struct Alias {
  std::string name;
  std::string key_id;
  base::WallTime created;
  base::WallTime updated;
};

shapes::Value Save(const Key& key);
Key LoadKey(const shapes::Value& saved);
shapes::Value Save(const Alias& alias);
Alias LoadAlias(const shapes::Value& saved);

std::string ArnOfKey(const Host& host, std::string_view id);
// The same in every Region of a multi-Region key, and tells nothing of the material.
std::string MaterialId(const Key& key);
// The KeyMetadata structure of the API.
shapes::Value Metadata(const Host& host, const Key& key);

}  // namespace leeward::lab::kms
