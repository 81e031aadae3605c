// Who wants to know what a destination had of its own, and loses to the copy.
#pragma once

#include <string_view>

#include "base/result.h"

namespace leeward::lab::trees {

// Told before it happens; what is answered with an error does not happen, and is a trouble of the
// round. After a kill the same may be told again.
class Losses {
 public:
  virtual ~Losses() = default;
  virtual base::Status Removes(std::string_view path) = 0;
  // Something of the same kind with another content comes in its place.
  virtual base::Status Overwrites(std::string_view path) = 0;
};

}  // namespace leeward::lab::trees
