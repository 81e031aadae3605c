// Rules of a request, and the filters that every Describe of EC2 takes. Pure.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "lab/services/ec2.h"

namespace leeward::lab::ec2 {

// The rules that the request names, in either of its two forms; an error as EC2 answers it.
std::variant<std::vector<Rule>, ApiError> RulesOf(const shapes::Value& input);
// IpPermissions: rules of one protocol and port range under one entry.
shapes::Value Permissions(const std::vector<Rule>& rules, std::string_view owner);

struct Attribute {
  std::string_view filter;
  std::string value;
};
// Whether all of `Filters` fit; an unknown filter name is an error.
std::variant<bool, ApiError> Fits(const shapes::Value& input, const std::vector<Attribute>& item);

}  // namespace leeward::lab::ec2
