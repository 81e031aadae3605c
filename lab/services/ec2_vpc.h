// The default VPC that every Region of the lab has: ids that are the same in every run, so that
// other services can name them without asking.
#pragma once

#include <string>
#include <vector>

#include "lab/core/service.h"

namespace leeward::lab {

struct DefaultSubnet {
  std::string id;
  std::string zone;  // "us-east-1a"
  std::string cidr;
};

// "vpc-" and 17 hex digits made of `what`, the Region and the account.
std::string StableId(const Host& host, std::string_view prefix, std::string_view what);
std::string DefaultVpcId(const Host& host);
std::string DefaultSecurityGroupId(const Host& host);
std::vector<DefaultSubnet> DefaultSubnets(const Host& host);

}  // namespace leeward::lab
