// A request as it came in, and its parts as text.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/split.h"
#include "ports/http.h"

namespace leeward::lab::wire {

using base::Split;

struct Request {
  std::string method;
  std::string target;  // path and query as sent
  ports::Headers headers;
  std::string body;

  std::string_view Header(
      std::string_view name) const;  // first of that name, without case; empty: absent
  bool HasHeader(std::string_view name) const;
  std::string_view Path() const;   // as sent
  std::string_view Query() const;  // as sent, without '?'
};

using Pairs = std::vector<std::pair<std::string, std::string>>;

// "a=1&b=%20" with percent and plus decoded. Bounded at kMaxPairs.
base::Result<Pairs> ParsePairs(std::string_view text);
inline constexpr std::size_t kMaxPairs = 20000;

std::string Lower(std::string_view text);
std::string_view Trim(std::string_view text);
bool SameText(std::string_view a, std::string_view b);  // without case
// First value of that name; empty when absent.
std::string_view ValueOf(const Pairs& pairs, std::string_view name);
bool Contains(const Pairs& pairs, std::string_view name);

}  // namespace leeward::lab::wire
