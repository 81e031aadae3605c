#include "lab/trees/options.h"

#include <fmt/format.h>

namespace leeward::lab::trees {

base::Status Check(const Options& options) {
  const auto at_least_one = [](std::string_view name, std::uint64_t value) -> base::Status {
    if (value > 0) return base::Ok();
    return base::Invalid(fmt::format("{} is 0, and has to be 1 at least", name));
  };
  if (options.reads_of_a_busy_file < 1)
    return base::Invalid(fmt::format("reads_of_a_busy_file is {}, and has to be 1 at least",
                                     options.reads_of_a_busy_file));
  RETURN_IF_ERROR(at_least_one("entries_a_step", options.entries_a_step));
  return at_least_one("bytes_a_step", options.bytes_a_step);
}

std::string Fingerprint(const Options& options) {
  return fmt::format("{} {} {} {} {} {} {} {}", static_cast<int>(options.overwrite),
                     static_cast<int>(options.deletions), static_cast<int>(options.times),
                     static_cast<int>(options.owner), static_cast<int>(options.group),
                     static_cast<int>(options.permissions), static_cast<int>(options.attributes),
                     options.filter.text());
}

}  // namespace leeward::lab::trees
