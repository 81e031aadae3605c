#include "lab/services/keys.h"

#include <fmt/format.h>

#include "base/bytes.h"

namespace leeward::lab {

std::string ManagedKeyId(std::string_view region, std::string_view account,
                         std::string_view alias) {
  const std::string hex = base::Sha256Hex(fmt::format("{}/{}/{}", account, region, alias));
  const std::string_view digits = hex;
  return fmt::format("{}-{}-4{}-8{}-{}", digits.substr(0, 8), digits.substr(8, 4),
                     digits.substr(12, 3), digits.substr(15, 3), digits.substr(18, 12));
}

}  // namespace leeward::lab
