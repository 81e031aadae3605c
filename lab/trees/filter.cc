#include "lab/trees/filter.h"

#include <fmt/format.h>

#include <utility>

namespace leeward::lab::trees {
namespace {

// Any bytes between the literals, the first at the beginning and the last at the end. Greedy from
// the left is right: an earlier place for a literal never leaves less room for the next.
bool MatchWhole(const std::vector<std::string>& literals, std::string_view text) {
  if (literals.size() == 1) return text == literals.front();
  const std::string& first = literals.front();
  const std::string& last = literals.back();
  if (text.size() < first.size() + last.size()) return false;
  if (!text.starts_with(first) || !text.ends_with(last)) return false;
  std::string_view middle = text.substr(first.size(), text.size() - first.size() - last.size());
  for (std::size_t i = 1; i + 1 < literals.size(); ++i) {
    const auto at = middle.find(literals[i]);
    if (at == std::string_view::npos) return false;
    middle.remove_prefix(at + literals[i].size());
  }
  return true;
}

}  // namespace

base::Result<Patterns> Patterns::Parse(std::string_view text, Stars stars) {
  Patterns result;
  if (text.empty()) return result;
  Pattern pattern{{std::string()}};
  bool empty = true;
  const auto finish = [&]() -> base::Status {
    if (empty) return base::Invalid(fmt::format("\"{}\" has an empty pattern", text));
    const bool inside = pattern.literals.size() > 2 ||
                        (pattern.literals.size() == 2 && !pattern.literals[1].empty());
    if (stars == Stars::kAtTheEnd && inside)
      return base::Invalid(fmt::format("\"{}\": `*` may only be the last byte of a pattern", text));
    result.patterns_.push_back(std::exchange(pattern, {{std::string()}}));
    empty = true;
    return base::Ok();
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '|') {
      RETURN_IF_ERROR(finish());
      continue;
    }
    empty = false;
    if (text[i] == '*') {
      pattern.literals.emplace_back();
      continue;
    }
    if (text[i] == '\\' && ++i == text.size())
      return base::Invalid(fmt::format("\"{}\" ends with a backslash", text));
    pattern.literals.back() += text[i];
  }
  RETURN_IF_ERROR(finish());
  return result;
}

bool Patterns::MatchOne(const Pattern& pattern, std::string_view path) {
  for (std::size_t end = path.find('/', 1); end != std::string_view::npos;
       end = path.find('/', end + 1)) {
    if (MatchWhole(pattern.literals, path.substr(0, end))) return true;
  }
  return MatchWhole(pattern.literals, path);
}

bool Patterns::Match(std::string_view path) const {
  for (const Pattern& pattern : patterns_) {
    if (MatchOne(pattern, path)) return true;
  }
  return false;
}

bool Patterns::LeadTo(std::string_view directory) const {
  for (const Pattern& pattern : patterns_) {
    const std::string& literal = pattern.literals.front();
    if (directory == "/" || (literal.size() > directory.size() && literal.starts_with(directory) &&
                             literal[directory.size()] == '/'))
      return true;
  }
  return false;
}

base::Result<Filter> Filter::Make(std::string_view include, std::string_view exclude) {
  auto included = Patterns::Parse(include, Stars::kAtTheEnd);
  if (!included.ok()) return std::move(included).error().Context("include");
  auto excluded = Patterns::Parse(exclude, Stars::kAnywhere);
  if (!excluded.ok()) return std::move(excluded).error().Context("exclude");
  Filter filter;
  filter.include_ = *std::move(included);
  filter.exclude_ = *std::move(excluded);
  filter.text_ = fmt::format("{}:{},{}:{}", include.size(), include, exclude.size(), exclude);
  return filter;
}

Part Filter::Judge(std::string_view path) const {
  if (empty()) return Part::kTakes;
  const std::string rooted = fmt::format("/{}", path);
  if (path.empty()) return include_.empty() || include_.Match("/") ? Part::kTakes : Part::kPassage;
  if (exclude_.Match(rooted)) return Part::kNone;
  if (include_.empty() || include_.Match(rooted)) return Part::kTakes;
  return include_.LeadTo(rooted) ? Part::kPassage : Part::kNone;
}

}  // namespace leeward::lab::trees
