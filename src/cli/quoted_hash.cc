#include "cli/quoted_hash.h"

#include <algorithm>
#include <array>
#include <optional>

namespace leeward::cli {
namespace {

constexpr std::size_t kDigits = 64;
constexpr std::size_t kShown = 80;  // of what is no hash, to be found again by whoever typed it

bool IsHexDigit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool IsHash(std::string_view text) {
  return text.size() == kDigits && std::all_of(text.begin(), text.end(), IsHexDigit);
}

std::string Lower(std::string_view hash) {
  std::string lower(hash);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

// What stands before the hash in each form of a report.
constexpr std::array<std::string_view, 3> kBefore = {"<code>", "\"last_hash\": \"", "last hash "};

// A hash alone: neither more digits nor letters around it.
std::optional<std::string> HashAt(std::string_view report, std::size_t at) {
  const std::string_view hash = report.substr(at, kDigits);
  const bool ends = at + kDigits >= report.size() || !IsHexDigit(report[at + kDigits]);
  if (!IsHash(hash) || !ends) return std::nullopt;
  return Lower(hash);
}

}  // namespace

base::Result<std::string> HashFrom(std::string_view text) {
  if (IsHash(text)) return Lower(text);
  return base::Invalid("'" + std::string(text.substr(0, kShown)) +
                       "' is no hash; write the 64 hex digits that a report or `leeward journal "
                       "verify` gives");
}

base::Result<std::string> HashInReport(std::string_view report) {
  std::optional<std::string> found;
  for (const std::string_view before : kBefore) {
    for (auto at = report.find(before); at != std::string_view::npos;
         at = report.find(before, at + before.size())) {
      const auto hash = HashAt(report, at + before.size());
      if (hash && found && *hash != *found) {
        return base::Invalid("it quotes more than one journal; say which with --hash");
      }
      if (hash) found = hash;
    }
  }
  if (found) return *std::move(found);
  return base::Invalid("it quotes no journal's hash; is it a report of leeward?");
}

}  // namespace leeward::cli
