#include "lab/services/keys.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "lab/services/region_links.h"

namespace leeward::lab {

std::string ManagedKeyId(std::string_view region, std::string_view account,
                         std::string_view alias) {
  const std::string hex = base::Sha256Hex(fmt::format("{}/{}/{}", account, region, alias));
  const std::string_view digits = hex;
  return fmt::format("{}-{}-4{}-8{}-{}", digits.substr(0, 8), digits.substr(8, 4),
                     digits.substr(12, 3), digits.substr(15, 3), digits.substr(18, 12));
}

std::optional<KeySeen> SeeKey(Host& host, std::string_view key, std::string_view managed) {
  const std::string id = ManagedKeyId(host.region(), host.account(), managed);
  const std::string arn = Arn(host, "kms", "key/" + id);
  const bool own =
      key.empty() || key == managed || key == id || key == arn || key == Arn(host, "kms", managed);
  if (own) return KeySeen{arn, true};
  if (key.find("alias/aws/") != std::string_view::npos) return std::nullopt;
  const auto* keys = FindSibling<Keys>(host, "kms");
  return keys == nullptr ? std::nullopt : keys->See(key);
}

}  // namespace leeward::lab
