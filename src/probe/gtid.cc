#include "probe/gtid.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

namespace leeward::probe {
namespace {

constexpr std::size_t kUuidLength = 36;
constexpr std::size_t kLongestTag = 32;
// MySQL's own bound: numbers are signed there.
constexpr std::uint64_t kLastTransaction = std::numeric_limits<std::int64_t>::max();

// Servers print long sets on several lines.
std::string_view Trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

// What is before the next separator, taken off the text; nullopt when nothing is left.
std::optional<std::string_view> Next(std::optional<std::string_view>& text, char separator) {
  if (!text) return std::nullopt;
  const std::size_t at = text->find(separator);
  const std::string_view part = text->substr(0, at);
  if (at == std::string_view::npos) {
    text.reset();
  } else {
    text->remove_prefix(at + 1);
  }
  return part;
}

template <typename Number>
std::optional<Number> ToNumber(std::string_view text) {
  Number number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

base::Error NoGtid(std::string_view text) {
  constexpr std::size_t kShown = 80;
  return base::Invalid("'" + std::string(text.substr(0, kShown)) + "' is no global transaction id");
}

bool IsUuid(std::string_view text) {
  if (text.size() != kUuidLength) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const char c = text[i];
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (dash ? c != '-' : !hex) return false;
  }
  return true;
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

bool IsTag(std::string_view text) {
  const auto letter = [](char c) { return c == '_' || (c >= 'a' && c <= 'z'); };
  return !text.empty() && text.size() <= kLongestTag && letter(text.front()) &&
         std::all_of(text.begin(), text.end(),
                     [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

std::optional<GtidSet::Range> ToRange(std::string_view text) {
  const std::size_t dash = text.find('-');
  const auto first = ToNumber<std::uint64_t>(text.substr(0, dash));
  const auto last =
      dash == std::string_view::npos ? first : ToNumber<std::uint64_t>(text.substr(dash + 1));
  if (!first || !last || *first == 0 || *last < *first || *last > kLastTransaction) {
    return std::nullopt;
  }
  return GtidSet::Range{*first, *last};
}

// In order, and one where two touch or overlap.
void Join(std::vector<GtidSet::Range>& ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<GtidSet::Range> joined;
  for (const GtidSet::Range& range : ranges) {
    if (!joined.empty() && range.first <= joined.back().last + 1) {
      joined.back().last = std::max(joined.back().last, range.last);
    } else {
      joined.push_back(range);
    }
  }
  ranges = std::move(joined);
}

// As many as can be counted: a sum that began anew at 0 would be a small one.
std::uint64_t Sum(std::uint64_t some, std::uint64_t more) {
  return more > std::numeric_limits<std::uint64_t>::max() - some
             ? std::numeric_limits<std::uint64_t>::max()
             : some + more;
}

// The numbers of `wanted` that are in none of `ranges`; both in order.
std::uint64_t Uncovered(const std::vector<GtidSet::Range>& ranges, GtidSet::Range wanted) {
  std::uint64_t missing = 0;
  for (const GtidSet::Range& range : ranges) {
    if (range.last < wanted.first) continue;
    if (range.first > wanted.last) break;
    if (range.first > wanted.first) missing += range.first - wanted.first;
    if (range.last >= wanted.last) return missing;
    wanted.first = range.last + 1;
  }
  return missing + (wanted.last - wanted.first + 1);
}

}  // namespace

base::Result<GtidPosition> GtidPosition::Parse(std::string_view text) {
  GtidPosition position;
  std::optional<std::string_view> rest = Trim(text);
  if (rest->empty()) return position;
  while (const auto id = Next(rest, ',')) {
    std::optional<std::string_view> words = Trim(*id);
    const auto domain = ToNumber<std::uint32_t>(Next(words, '-').value_or(""));
    const auto server = ToNumber<std::uint32_t>(Next(words, '-').value_or(""));
    const auto sequence = ToNumber<std::uint64_t>(Next(words, '-').value_or(""));
    if (!domain || !server || !sequence || words) return NoGtid(*id);
    if (!position.domains.emplace(*domain, Last{*server, *sequence}).second) return NoGtid(text);
  }
  return position;
}

std::string GtidPosition::Text() const {
  std::string text;
  for (const auto& [domain, last] : domains) {
    if (!text.empty()) text += ',';
    text += std::to_string(domain) + '-' + std::to_string(last.server) + '-' +
            std::to_string(last.sequence);
  }
  return text;
}

std::uint64_t GtidPosition::Missing(const GtidPosition& other) const {
  std::uint64_t missing = 0;
  for (const auto& [domain, last] : other.domains) {
    const auto found = domains.find(domain);
    const std::uint64_t have = found == domains.end() ? 0 : found->second.sequence;
    if (last.sequence > have) missing = Sum(missing, last.sequence - have);
  }
  return missing;
}

base::Result<GtidSet> GtidSet::Parse(std::string_view text) {
  GtidSet set;
  std::optional<std::string_view> rest = Trim(text);
  if (rest->empty()) return set;
  while (const auto source = Next(rest, ',')) {
    std::optional<std::string_view> words = Trim(*source);
    const std::string_view uuid = Next(words, ':').value_or("");
    if (!IsUuid(uuid) || !words) return NoGtid(*source);
    std::string name = Lower(uuid);
    bool any = false;  // ranges of the name
    while (const auto word = Next(words, ':')) {
      const std::string lower = Lower(*word);
      if (IsTag(lower) && words) {
        name = Lower(uuid) + ':' + lower;
        any = false;
        continue;
      }
      const auto range = ToRange(*word);
      if (!range) return NoGtid(*source);
      set.sources[name].push_back(*range);
      any = true;
    }
    if (!any) return NoGtid(*source);
  }
  for (auto& [name, ranges] : set.sources) Join(ranges);
  return set;
}

std::string GtidSet::Text() const {
  std::string text;
  for (const auto& [name, ranges] : sources) {
    if (!text.empty()) text += ',';
    text += name;
    for (const Range& range : ranges) {
      text += ':' + std::to_string(range.first);
      if (range.last != range.first) text += '-' + std::to_string(range.last);
    }
  }
  return text;
}

std::uint64_t GtidSet::Missing(const GtidSet& other) const {
  std::uint64_t missing = 0;
  for (const auto& [name, ranges] : other.sources) {
    const auto found = sources.find(name);
    for (const Range& range : ranges) {
      missing = Sum(
          missing, Uncovered(found == sources.end() ? std::vector<Range>() : found->second, range));
    }
  }
  return missing;
}

}  // namespace leeward::probe
