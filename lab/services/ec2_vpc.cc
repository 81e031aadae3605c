#include "lab/services/ec2_vpc.h"

#include <fmt/format.h>

#include "base/bytes.h"

namespace leeward::lab {

std::string StableId(const Host& host, std::string_view prefix, std::string_view what) {
  const std::string digest =
      base::Sha256Hex(fmt::format("{}/{}/{}", host.account(), host.region(), what));
  return fmt::format("{}-{}", prefix, digest.substr(0, 17));
}

std::string DefaultVpcId(const Host& host) { return StableId(host, "vpc", "default"); }

std::string DefaultSecurityGroupId(const Host& host) { return StableId(host, "sg", "default"); }

std::vector<DefaultSubnet> DefaultSubnets(const Host& host) {
  std::vector<DefaultSubnet> subnets;
  for (int i = 0; i < 3; ++i) {
    const std::string zone = fmt::format("{}{}", host.region(), static_cast<char>('a' + i));
    subnets.push_back(
        {StableId(host, "subnet", zone), zone, fmt::format("172.31.{}.0/20", i * 16)});
  }
  return subnets;
}

}  // namespace leeward::lab
