#include "lab/trees/options.h"

#include <fmt/format.h>

namespace leeward::lab::trees {

std::string Fingerprint(const Options& options) {
  return fmt::format("{} {} {} {} {} {} {} {}", static_cast<int>(options.overwrite),
                     static_cast<int>(options.deletions), static_cast<int>(options.times),
                     static_cast<int>(options.owner), static_cast<int>(options.group),
                     static_cast<int>(options.permissions), static_cast<int>(options.attributes),
                     options.filter.text());
}

}  // namespace leeward::lab::trees
