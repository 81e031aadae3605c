#include "aws/endpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "aws/client_internal.h"

namespace leeward::aws {
namespace {

constexpr std::array<std::pair<std::string_view, Partition>, 2> kOtherPartitions = {{
    {"cn-", {"aws-cn", "amazonaws.com.cn"}},
    {"us-gov-", {"aws-us-gov", "amazonaws.com"}},
}};
constexpr std::size_t kMaxHostLabel = 63;

// A Region becomes part of a host name: only what a label may hold.
bool IsHostLabel(std::string_view text) {
  return !text.empty() && text.size() <= kMaxHostLabel && text.front() != '-' &&
         text.back() != '-' && std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::islower(c) != 0 || std::isdigit(c) != 0 || c == '-';
         });
}

bool IsUrl(std::string_view url) {
  const bool scheme = url.starts_with("http://") || url.starts_with("https://");
  return scheme && url.find("://") + 3 < url.size() &&
         url.find_first_of(" \t\r\n?#") == std::string_view::npos;
}

std::string Replace(std::string text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  if (at != std::string::npos) text.replace(at, from.size(), to);
  return text;
}

const shapes::PartitionEndpoint* GlobalEndpoint(const shapes::Model& model,
                                                std::string_view partition) {
  for (const shapes::PartitionEndpoint& endpoint : model.partition_endpoints) {
    if (endpoint.partition == partition) return &endpoint;
  }
  return nullptr;
}

base::Result<Endpoint> DefaultEndpoint(const shapes::Model& model,
                                       const shapes::Operation* operation,
                                       std::string_view region) {
  const Partition partition = PartitionOf(region);
  Endpoint out{.url = "",
               .signing_region = std::string(region),
               .signing_name = std::string(model.signing_name)};
  if (operation != nullptr && !operation->endpoint_host.empty()) {
    out.url = fmt::format("https://{}", operation->endpoint_host);
    out.signing_region = operation->signing_region;
    return out;
  }
  if (!model.partition_endpoints.empty()) {
    const shapes::PartitionEndpoint* global = GlobalEndpoint(model, partition.id);
    if (global == nullptr) {
      return base::Invalid(
          fmt::format("{} does not exist in partition {}", model.service_id, partition.id));
    }
    out.url = fmt::format("https://{}", global->host);
    out.signing_region = global->signing_region;
    return out;
  }
  const std::string host =
      model.host_template.empty()
          ? fmt::format("{}.{}.{}", model.endpoint_prefix, region, partition.dns_suffix)
          : Replace(std::string(model.host_template), "{region}", region);
  out.url = "https://" + host;
  return out;
}

}  // namespace

Partition PartitionOf(std::string_view region) {
  for (const auto& [prefix, partition] : kOtherPartitions) {
    if (region.starts_with(prefix)) return partition;
  }
  return {"aws", "amazonaws.com"};
}

base::Result<Endpoint> ResolveEndpoint(const shapes::Model& model,
                                       const shapes::Operation* operation, std::string_view region,
                                       std::string_view custom_url) {
  // A global service has a Region of its own to be signed for, whatever the caller's is.
  if (region.empty() && !model.partition_endpoints.empty()) region = "us-east-1";
  if (region.empty()) {
    return base::Invalid(fmt::format("no Region for {}: set AWS_REGION or a region in the profile",
                                     model.service_id));
  }
  if (!IsHostLabel(region)) return base::Invalid(fmt::format("'{}' is not a Region name", region));
  ASSIGN_OR_RETURN(Endpoint endpoint, DefaultEndpoint(model, operation, region));
  if (!custom_url.empty()) {
    // Not even repeated: what stands before the '@' may be a password.
    if (custom_url.find('@') != std::string_view::npos)
      return base::Invalid("an endpoint is not given with a user or password in it; take out '@'");
    if (!IsUrl(custom_url))
      return base::Invalid(fmt::format("endpoint '{}' is not an http(s) URL", custom_url));
    while (custom_url.ends_with('/')) custom_url.remove_suffix(1);
    endpoint.url = custom_url;
  }
  return endpoint;
}

std::string ServiceVariableSuffix(const shapes::Model& model) {
  std::string out(model.service_id);
  for (char& c : out)
    c = c == ' ' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

std::string_view EndpointPath(std::string_view endpoint_url) {
  const std::size_t host = endpoint_url.find("://");
  const std::size_t path = host == std::string_view::npos ? host : endpoint_url.find('/', host + 3);
  return path == std::string_view::npos ? "" : endpoint_url.substr(path);
}

std::string JoinPaths(std::string_view base, std::string_view path) {
  while (base.ends_with('/')) base.remove_suffix(1);
  return std::string(base) + (path.starts_with('/') ? "" : "/") + std::string(path);
}

}  // namespace leeward::aws
