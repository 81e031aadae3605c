#include "lab/items/path.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "lab/items/path_list.h"

namespace leeward::lab::items {

const Attribute* Path::Find(const Item& item) const {
  const Attribute* at = item.Find(top);
  for (const Step& step : steps) {
    if (at == nullptr) return nullptr;
    if (const std::string* name = std::get_if<std::string>(&step)) {
      const Item* map = at->map();
      at = map == nullptr ? nullptr : map->Find(*name);
      continue;
    }
    const std::size_t index = std::get<std::size_t>(step);
    const Attribute::List* list = at->list();
    at = list == nullptr || index >= list->size() ? nullptr : &(*list)[index];
  }
  return at;
}

std::string Path::Text() const {
  std::string text = "[" + top;
  for (const Step& step : steps) {
    if (const std::string* name = std::get_if<std::string>(&step)) {
      text += ", " + *name;
    } else {
      text += ", [" + std::to_string(std::get<std::size_t>(step)) + "]";
    }
  }
  return text + "]";
}

Clash ClashOf(const Path& a, const Path& b) {
  if (a.top != b.top) return Clash::kNone;
  const std::size_t common = std::min(a.steps.size(), b.steps.size());
  for (std::size_t i = 0; i < common; ++i) {
    if (a.steps[i].index() != b.steps[i].index()) return Clash::kConflict;
    if (a.steps[i] != b.steps[i]) return Clash::kNone;
  }
  return Clash::kOverlap;
}

std::optional<std::string> FirstClash(const std::vector<Path>& paths) {
  for (std::size_t second = 1; second < paths.size(); ++second) {
    for (std::size_t first = 0; first < second; ++first) {
      const Clash clash = ClashOf(paths[first], paths[second]);
      if (clash == Clash::kNone) continue;
      return fmt::format(
          "Two document paths {} with each other; must remove or rewrite one of these paths; path "
          "one: {}, path two: {}",
          clash == Clash::kOverlap ? "overlap" : "conflict", paths[first].Text(),
          paths[second].Text());
    }
  }
  return std::nullopt;
}

bool ComesBefore(const Path& a, const Path& b) {
  return std::tie(a.top, a.steps) < std::tie(b.top, b.steps);
}

}  // namespace leeward::lab::items
