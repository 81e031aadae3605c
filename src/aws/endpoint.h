// Where a call goes and for which Region it is signed.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "shapes/model.h"

namespace leeward::aws {

struct Partition {
  std::string_view id;          // "aws", "aws-cn", "aws-us-gov"
  std::string_view dns_suffix;  // "amazonaws.com"
};
// By the Region's name; "aws" for names that no partition claims.
Partition PartitionOf(std::string_view region);

struct Endpoint {
  std::string url;             // "https://rds.us-west-2.amazonaws.com", no trailing slash
  std::string signing_region;  // global services are signed for one Region
  std::string signing_name;
};

// `custom_url` (may be empty) replaces the host; the signing Region stays the service's own.
// kInvalid for a malformed Region or URL, or a service that the partition lacks.
base::Result<Endpoint> ResolveEndpoint(const shapes::Model& model,
                                       const shapes::Operation* operation, std::string_view region,
                                       std::string_view custom_url);

// "AWS_ENDPOINT_URL_<this>": "ROUTE_53" for service id "Route 53".
std::string ServiceVariableSuffix(const shapes::Model& model);

}  // namespace leeward::aws
