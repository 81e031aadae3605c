#include "lab/dns/zone.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace leeward::lab {
namespace {

struct NamedType {
  RrType type;
  std::string_view name;
};

constexpr std::array kTypes = {
    NamedType{RrType::kA, "A"},         NamedType{RrType::kNs, "NS"},
    NamedType{RrType::kCname, "CNAME"}, NamedType{RrType::kSoa, "SOA"},
    NamedType{RrType::kPtr, "PTR"},     NamedType{RrType::kMx, "MX"},
    NamedType{RrType::kTxt, "TXT"},     NamedType{RrType::kAaaa, "AAAA"},
    NamedType{RrType::kSrv, "SRV"},     NamedType{RrType::kNaptr, "NAPTR"},
    NamedType{RrType::kDs, "DS"},       NamedType{RrType::kSshfp, "SSHFP"},
    NamedType{RrType::kTlsa, "TLSA"},   NamedType{RrType::kSvcb, "SVCB"},
    NamedType{RrType::kHttps, "HTTPS"}, NamedType{RrType::kSpf, "SPF"},
    NamedType{RrType::kCaa, "CAA"},
};

// From the ELB endpoints page of the AWS General Reference.
constexpr std::array kLoadBalancerZones = {
    LoadBalancerZone{"Z35SXDOTRQ7X7K", "us-east-1", "application"},
    LoadBalancerZone{"Z3AADJGX6KTTL2", "us-east-2", "application"},
    LoadBalancerZone{"Z368ELLRRE2KJ0", "us-west-1", "application"},
    LoadBalancerZone{"Z1H1FL5HABSF5", "us-west-2", "application"},
    LoadBalancerZone{"Z32O12XQLNTSW2", "eu-west-1", "application"},
    LoadBalancerZone{"Z215JYRZR1TBD5", "eu-central-1", "application"},
    LoadBalancerZone{"Z14GRHDCWA56QT", "ap-northeast-1", "application"},
    LoadBalancerZone{"Z1GM3OXH4ZPM65", "ap-southeast-2", "application"},
    LoadBalancerZone{"Z26RNL4JYFTOTI", "us-east-1", "network"},
    LoadBalancerZone{"ZLMOA37VPKANP", "us-east-2", "network"},
    LoadBalancerZone{"Z24FKFUX50B4VW", "us-west-1", "network"},
    LoadBalancerZone{"Z18D5FSROUN65G", "us-west-2", "network"},
    LoadBalancerZone{"Z2IFOLAFXWLO4F", "eu-west-1", "network"},
    LoadBalancerZone{"Z3F0SRJ5LGBH90", "eu-central-1", "network"},
    LoadBalancerZone{"Z31USIVHYNEOWT", "ap-northeast-1", "network"},
    LoadBalancerZone{"ZCT6FZBF4DROD", "ap-southeast-2", "network"},
};

}  // namespace

std::string_view TypeName(RrType type) {
  const auto* found = std::ranges::find(kTypes, type, &NamedType::type);
  return found == kTypes.end() ? std::string_view() : found->name;
}

std::optional<RrType> TypeByName(std::string_view name) {
  const auto* found = std::ranges::find(kTypes, name, &NamedType::name);
  if (found == kTypes.end()) return std::nullopt;
  return found->type;
}

std::string CanonicalName(std::string_view name) {
  std::string canonical;
  canonical.reserve(name.size() + 1);
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name.substr(i, 4) == "\\052") {
      canonical += '*';
      i += 3;
    } else {
      canonical += static_cast<char>(std::tolower(static_cast<unsigned char>(name[i])));
    }
  }
  if (canonical.empty() || canonical.back() != '.') canonical += '.';
  return canonical;
}

std::string SortKey(std::string_view canonical) {
  std::string key;
  key.reserve(canonical.size());
  std::size_t end = canonical.size();
  if (end > 0 && canonical[end - 1] == '.') --end;
  while (end > 0) {
    const std::size_t dot = canonical.rfind('.', end - 1);
    const std::size_t start = dot == std::string_view::npos ? 0 : dot + 1;
    key.append(canonical.substr(start, end - start));
    key += '\0';
    end = start == 0 ? 0 : start - 1;
  }
  return key;
}

bool IsWithin(std::string_view name, std::string_view zone) {
  if (zone == ".") return true;
  if (!name.ends_with(zone)) return false;
  return name.size() == zone.size() || name[name.size() - zone.size() - 1] == '.';
}

const std::vector<RecordSet>* Zone::Find(std::string_view owner, RrType type) const {
  const auto found = sets.find(Key{SortKey(owner), type});
  return found == sets.end() ? nullptr : &found->second;
}

bool Zone::HasName(std::string_view owner) const {
  const std::string key = SortKey(owner);
  const auto found = sets.lower_bound(Key{key, RrType{0}});
  return found != sets.end() && found->first.sort_key == key;
}

bool Zone::HasBelow(std::string_view owner) const {
  const std::string key = SortKey(owner);
  // The greatest type number is the end of the name itself.
  const auto found = sets.upper_bound(Key{key, RrType{0xffff}});
  return found != sets.end() && found->first.sort_key.starts_with(key);
}

const LoadBalancerZone* FindLoadBalancerZone(std::string_view zone_id) {
  const auto* found = std::ranges::find(kLoadBalancerZones, zone_id, &LoadBalancerZone::zone_id);
  return found == kLoadBalancerZones.end() ? nullptr : found;
}

std::string_view LoadBalancerZoneId(std::string_view region, std::string_view type) {
  for (const LoadBalancerZone& zone : kLoadBalancerZones) {
    if (zone.region == region && zone.type == type) return zone.zone_id;
  }
  return {};
}

}  // namespace leeward::lab
