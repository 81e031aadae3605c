// What S3 Batch Replication (s3control) asks of the buckets of its Region: which versions are to be
// copied by the rules that there are now, and to copy one.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "lab/core/service.h"

namespace leeward::lab::s3 {

struct AgainFilter {
  std::set<std::string, std::less<>> statuses;  // "NONE", "FAILED", ...; empty: any
  std::optional<base::WallTime> after, before;  // neither of them included
  std::vector<std::string> prefixes;            // any of them; none: all keys
  enum class Rules : std::uint8_t { kAny, kWithRule } rules = Rules::kAny;
};

struct AgainTask {
  std::string key;
  std::string version;
};

enum class AgainState : std::uint8_t { kWaiting, kSucceeded, kFailed };

class CopiesAgain {
 public:
  virtual ~CopiesAgain() = default;
  // In the order of keys; an error when the bucket is not here, or has no rule.
  virtual std::variant<std::vector<AgainTask>, ApiError> WhatToCopy(
      std::string_view bucket, const AgainFilter& filter) const = 0;
  // Puts the version in line for every bucket that the rules say. `done`, later: whether it waits
  // there, which is then on the disk, or why it cannot.
  virtual void CopyAgain(std::string_view bucket, const AgainTask& task,
                         std::function<void(AgainState)> done) = 0;
  virtual AgainState StateOf(std::string_view bucket, const AgainTask& task) const = 0;
};

}  // namespace leeward::lab::s3
