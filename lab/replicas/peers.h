// The item stores of the other Regions, as global tables see them.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "shapes/value.h"

namespace leeward::lab::replicas {

class Peers {
 public:
  using Done = std::function<void(base::Result<shapes::Value>)>;

  virtual ~Peers() = default;
  virtual const std::vector<std::string>& regions() const = 0;  // of this lab, without one's own
  // Asks Keeper::Receive there. `done` runs once, later, on the engine's thread: with the answer,
  // or kUnreachable when none came within `deadline`. Whether the other side has done it is not
  // known then.
  virtual void Call(const std::string& region, std::string_view operation, shapes::Value input,
                    base::Duration deadline, Done done) = 0;
};

}  // namespace leeward::lab::replicas
