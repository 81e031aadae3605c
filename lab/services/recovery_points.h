// AWS Backup, as a Region's other services know it: what belongs to a recovery point is not theirs
// to delete. Found with FindSibling<RecoveryPoints>(host, "backup").
#pragma once

#include <string_view>

namespace leeward::lab {

class RecoveryPoints {
 public:
  virtual ~RecoveryPoints() = default;
  virtual bool Holds(std::string_view point_arn) const = 0;
};

}  // namespace leeward::lab
