#include "lab/services/rds_gtid.h"

#include <charconv>
#include <cstdint>
#include <map>
#include <optional>

namespace leeward::lab::rds {
namespace {

using Positions = std::map<std::uint32_t, std::uint64_t>;  // domain to number

// Reads a number and the character behind it, if one is asked for.
template <typename Number>
bool TakeNumber(std::string_view& text, Number& number, char behind) {
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(read.ptr - text.data()));
  if (behind == '\0') return text.empty();
  if (!text.starts_with(behind)) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<Positions> Parse(std::string_view text) {
  Positions positions;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    std::string_view id = text.substr(0, comma);
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
    std::uint32_t domain = 0;
    std::uint32_t server = 0;
    std::uint64_t number = 0;
    if (!TakeNumber(id, domain, '-') || !TakeNumber(id, server, '-') ||
        !TakeNumber(id, number, '\0')) {
      return std::nullopt;
    }
    positions[domain] = number;
  }
  return positions;
}

}  // namespace

bool GtidCovers(std::string_view applied, std::string_view received) {
  const auto have = Parse(applied);
  const auto want = Parse(received);
  if (!have || !want) return false;
  for (const auto& [domain, number] : *want) {
    const auto found = have->find(domain);
    if (found == have->end() || found->second < number) return false;
  }
  return true;
}

}  // namespace leeward::lab::rds
