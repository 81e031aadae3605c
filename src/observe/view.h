// View: what one observer sees, as it is published in the shared store. docs/formats/view.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "model/application.h"
#include "model/observation.h"

namespace leeward::observe {

// One target as the observer has it now.
struct Look {
  model::Target target;
  model::Health health = model::Health::kUnknown;  // never kUnknown when published
  int failures = 0;                                // in a row
  std::uint64_t probes = 0;                        // of this target, by this process
  std::string reason;                              // cut to a bounded length

  friend bool operator==(const Look&, const Look&) = default;
};

struct View {
  std::string who;     // the process; new at each start
  model::Region from;  // where the observer stands
  std::uint64_t sequence = 0;
  base::WallTime at;  // on the observer's clock; for people only
  std::vector<Look> looks;

  friend bool operator==(const View&, const View&) = default;
};

// "leeward/<application>/view/"; the Region follows.
std::string KeyPrefix(const model::ApplicationName& application);
std::string Key(const model::ApplicationName& application, const model::Region& from);

// One line without its end.
std::string ToJson(const View& view);
// kCorrupt for anything but a view of this version: a member that is unknown, missing, there for
// the second time or out of range.
base::Result<View> ViewFromJson(std::string_view text);

}  // namespace leeward::observe
