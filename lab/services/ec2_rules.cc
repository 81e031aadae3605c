#include "lab/services/ec2_rules.h"

#include <fmt/format.h>

#include <algorithm>

namespace leeward::lab::ec2 {
namespace {

using shapes::Value;

constexpr std::int64_t kMaxPort = 65535;

ApiError Bad(std::string message) { return {"InvalidParameterValue", std::move(message), 400, {}}; }

// A decimal of at most three digits from `pos`; -1 when there is none.
int Number(std::string_view text, std::size_t& pos) {
  int value = 0;
  const std::size_t first = pos;
  while (pos < text.size() && pos - first < 3 && text[pos] >= '0' && text[pos] <= '9') {
    value = value * 10 + (text[pos++] - '0');
  }
  return pos == first ? -1 : value;
}

std::string ProtocolName(std::string_view given) {
  if (given == "6") return "tcp";
  if (given == "17") return "udp";
  if (given == "1") return "icmp";
  return given == "all" ? "-1" : std::string(given);
}

// Adds the rules of one permission, one for each source.
std::optional<ApiError> AddRules(const Value& permission, std::vector<Rule>& rules) {
  Rule rule;
  rule.protocol = ProtocolName(permission.String("IpProtocol"));
  if (rule.protocol != "tcp" && rule.protocol != "udp" && rule.protocol != "icmp" &&
      rule.protocol != "-1") {
    return Bad(fmt::format("Invalid value '{}' for IP protocol. Unknown protocol.", rule.protocol));
  }
  if (rule.protocol != "-1") {
    rule.from_port = permission.Int("FromPort", -1);
    rule.to_port = permission.Int("ToPort", -1);
    const bool ports =
        rule.protocol == "icmp" ||
        (rule.from_port >= 0 && rule.to_port <= kMaxPort && rule.from_port <= rule.to_port);
    if (!ports) {
      return Bad(fmt::format("Invalid TCP/UDP port range ({}:{})", rule.from_port, rule.to_port));
    }
  }
  if (!permission.Items("Ipv6Ranges").empty() || !permission.Items("PrefixListIds").empty()) {
    return Bad("IPv6 ranges and prefix lists are not served by this lab; its network is IPv4.");
  }
  for (const Value& range : permission.Items("IpRanges")) {
    rule.cidr = range.String("CidrIp");
    rule.description = range.String("Description");
    if (!ValidCidr(rule.cidr)) return Bad(fmt::format("CIDR block {} is malformed", rule.cidr));
    rules.push_back(rule);
  }
  rule.cidr.clear();
  for (const Value& pair : permission.Items("UserIdGroupPairs")) {
    if (pair.String("GroupId").empty())
      return Bad("Groups are named by id in this lab, not by name.");
    rule.group = pair.String("GroupId");
    rule.description = pair.String("Description");
    rules.push_back(rule);
  }
  return {};
}

bool Matches(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern.front() == '*') {
    return Matches(pattern.substr(1), text) || (!text.empty() && Matches(pattern, text.substr(1)));
  }
  return !text.empty() && (pattern.front() == '?' || pattern.front() == text.front()) &&
         Matches(pattern.substr(1), text.substr(1));
}

}  // namespace

bool ValidCidr(std::string_view cidr) {
  std::size_t pos = 0;
  std::uint32_t address = 0;
  for (int part = 0; part < 4; ++part) {
    const int number = Number(cidr, pos);
    if (number < 0 || number > 255 || pos >= cidr.size()) return false;
    if (cidr[pos++] != (part == 3 ? '/' : '.')) return false;
    address = address << 8 | static_cast<std::uint32_t>(number);
  }
  const int bits = Number(cidr, pos);
  if (bits < 0 || bits > 32 || pos != cidr.size()) return false;
  const std::uint32_t host_bits = bits == 32 ? 0 : 0xffffffffu >> bits;
  return (address & host_bits) == 0;
}

std::variant<std::vector<Rule>, ApiError> RulesOf(const Value& input) {
  std::vector<Rule> rules;
  if (input.Has("CidrIp")) {
    Value permission = Value::Struct();
    for (const std::string_view name : {"IpProtocol", "FromPort", "ToPort"}) {
      if (input.Has(name)) permission.Set(name, *input.Find(name));
    }
    permission.Set("IpRanges",
                   Value(Value::List{Value::Struct({{"CidrIp", input.String("CidrIp")}})}));
    if (auto error = AddRules(permission, rules)) return *error;
  }
  for (const Value& permission : input.Items("IpPermissions")) {
    if (auto error = AddRules(permission, rules)) return *error;
  }
  return rules;
}

Value Permissions(const std::vector<Rule>& rules, std::string_view owner) {
  Value::List permissions;
  for (const Rule& rule : rules) {
    auto entry = std::find_if(permissions.begin(), permissions.end(), [&](const Value& p) {
      return p.String("IpProtocol") == rule.protocol && p.Int("FromPort", -1) == rule.from_port &&
             p.Int("ToPort", -1) == rule.to_port;
    });
    if (entry == permissions.end()) {
      Value fresh = Value::Struct({{"IpProtocol", rule.protocol},
                                   {"UserIdGroupPairs", Value::EmptyList()},
                                   {"IpRanges", Value::EmptyList()},
                                   {"Ipv6Ranges", Value::EmptyList()},
                                   {"PrefixListIds", Value::EmptyList()}});
      if (rule.protocol != "-1") fresh.Set("FromPort", rule.from_port).Set("ToPort", rule.to_port);
      entry = permissions.insert(permissions.end(), std::move(fresh));
    }
    Value source = rule.group.empty() ? Value::Struct({{"CidrIp", rule.cidr}})
                                      : Value::Struct({{"GroupId", rule.group}, {"UserId", owner}});
    if (!rule.description.empty()) source.Set("Description", rule.description);
    entry->Find(rule.group.empty() ? "IpRanges" : "UserIdGroupPairs")->list().push_back(source);
  }
  return Value(std::move(permissions));
}

std::variant<bool, ApiError> Fits(const Value& input, const std::vector<Attribute>& item) {
  for (const Value& filter : input.Items("Filters")) {
    bool known = false;
    bool fits = false;
    for (const Attribute& attribute : item) {
      if (attribute.filter != filter.String("Name")) continue;
      known = true;
      for (const Value& value : filter.Items("Values")) {
        fits = fits || Matches(value.str(), attribute.value);
      }
    }
    if (!known) return Bad(fmt::format("The filter '{}' is invalid", filter.String("Name")));
    if (!fits) return false;
  }
  return true;
}

}  // namespace leeward::lab::ec2
