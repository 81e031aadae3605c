#include "lab/items/projection.h"

#include <algorithm>
#include <optional>
#include <span>

#include "lab/items/parser.h"
#include "lab/items/path_list.h"

namespace leeward::lab::items {
namespace {

class ProjectionParser : Parser {
 public:
  ProjectionParser(std::string_view text, Placeholders& placeholders)
      : Parser("ProjectionExpression", Dialect::kProjection, text, placeholders) {}

  Outcome<std::vector<Path>> Parse() {
    RETURN_IF_ERROR(CheckText());
    std::vector<Path> paths;
    do {
      paths.push_back(ParsePath());
    } while (TakeSymbol(","));
    if (const auto clash = FirstClash(paths)) Note(Problem::kPaths, *clash);
    RETURN_IF_ERROR(Finish());
    return paths;
  }
};

// A path, and how many of its steps were taken.
struct Rest {
  const Path* path;
  std::size_t taken;
  bool done() const { return taken == path->steps.size(); }
  const Path::Step& next() const { return path->steps[taken]; }
};

std::optional<Attribute> Pick(const Attribute& value, std::span<const Rest> wanted);

// Calls `pick` with what is behind each step of the kind T among `wanted`, in the steps' order.
template <typename T, typename PickStep>
void ForEachStep(std::span<const Rest> wanted, PickStep pick) {
  std::vector<Rest> steps;
  for (const Rest& rest : wanted) {
    if (std::holds_alternative<T>(rest.next())) steps.push_back(rest);
  }
  std::stable_sort(steps.begin(), steps.end(), [](const Rest& a, const Rest& b) {
    return std::get<T>(a.next()) < std::get<T>(b.next());
  });
  for (std::size_t begin = 0, end = 0; begin < steps.size(); begin = end) {
    const T step = std::get<T>(steps[begin].next());
    std::vector<Rest> inner;
    for (; end < steps.size() && std::get<T>(steps[end].next()) == step; ++end) {
      inner.push_back({steps[end].path, steps[end].taken + 1});
    }
    pick(step, inner);
  }
}

std::optional<Attribute> PickFromMap(const Item& map, std::span<const Rest> wanted) {
  Item picked;
  ForEachStep<std::string>(wanted, [&](const std::string& name, std::span<const Rest> inner) {
    const Attribute* value = map.Find(name);
    if (value == nullptr) return;
    if (auto part = Pick(*value, inner)) picked.Set(name, std::move(*part));
  });
  if (picked.empty()) return std::nullopt;
  return Attribute(std::move(picked));
}

std::optional<Attribute> PickFromList(const Attribute::List& list, std::span<const Rest> wanted) {
  Attribute::List picked;
  ForEachStep<std::size_t>(wanted, [&](std::size_t index, std::span<const Rest> inner) {
    if (index >= list.size()) return;
    if (auto part = Pick(list[index], inner)) picked.push_back(std::move(*part));
  });
  if (picked.empty()) return std::nullopt;
  return Attribute(std::move(picked));
}

std::optional<Attribute> Pick(const Attribute& value, std::span<const Rest> wanted) {
  const bool whole =
      std::any_of(wanted.begin(), wanted.end(), [](const Rest& rest) { return rest.done(); });
  if (whole) return value;
  if (const Item* map = value.map()) return PickFromMap(*map, wanted);
  if (const Attribute::List* list = value.list()) return PickFromList(*list, wanted);
  return std::nullopt;
}

}  // namespace

Outcome<Projection> Projection::Parse(std::string_view text, Placeholders& placeholders) {
  ASSIGN_OR_RETURN(std::vector<Path> paths, ProjectionParser(text, placeholders).Parse());
  return Projection(std::move(paths));
}

Projection::Projection(std::vector<Path> paths) : paths_(std::move(paths)) {
  std::stable_sort(paths_.begin(), paths_.end(),
                   [](const Path& a, const Path& b) { return a.top < b.top; });
}

Item Projection::Apply(const Item& item) const {
  std::vector<Entry> picked;
  std::vector<Rest> wanted;
  for (std::size_t begin = 0, end = 0; begin < paths_.size(); begin = end) {
    wanted.clear();
    for (; end < paths_.size() && paths_[end].top == paths_[begin].top; ++end) {
      wanted.push_back({&paths_[end], 0});
    }
    const Attribute* value = item.Find(paths_[begin].top);
    if (value == nullptr) continue;
    if (auto part = Pick(*value, wanted)) picked.push_back({paths_[begin].top, std::move(*part)});
  }
  return Item::FromEntries(std::move(picked));
}

}  // namespace leeward::lab::items
