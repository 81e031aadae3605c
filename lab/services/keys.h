// KMS, as a Region's other services know it: found with FindSibling<Keys>(host, "kms"). Where there
// is none, its users know the keys that AWS manages, by their aliases, and no others.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lab/core/service.h"

namespace leeward::lab {

struct KeySeen {
  std::string arn;
  bool usable = false;  // enabled
};
struct KeyNamed {
  KeySeen seen;
  std::string managed_by;          // the service that AWS keeps it for, or empty
  std::vector<std::string> names;  // id, ARN, aliases and their ARNs
};
class Keys {
 public:
  virtual ~Keys() = default;
  // By id, ARN, alias or alias ARN; nothing for a key that is not in this Region.
  virtual std::optional<KeySeen> See(std::string_view key) const = 0;
  virtual std::vector<KeyNamed> All() const = 0;
};

// A service that keeps the Region's keys beside it: told of every change before whoever made it is
// answered.
class KeepsKeys {
 public:
  virtual ~KeepsKeys() = default;
  virtual void KeysChanged() = 0;
};

// The key that a request names, or the service's own where it names none; nothing for one that is
// not there, and for one that AWS keeps for another service. `managed` is "alias/aws/rds".
std::optional<KeySeen> SeeKey(Host& host, std::string_view key, std::string_view managed);

// The key that AWS makes for a service in every Region, as "alias/aws/elasticfilesystem": the same
// one in every run, and known without asking.
std::string ManagedKeyId(std::string_view region, std::string_view account, std::string_view alias);

}  // namespace leeward::lab
