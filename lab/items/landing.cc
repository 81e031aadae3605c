#include "lab/items/landing.h"

#include <algorithm>

namespace leeward::lab::items {
namespace {

// The list that the step stands in; nullptr when there is none.
const Attribute::List* ListAt(const Item& old, const Path& path, std::size_t step) {
  Path list = path;
  list.steps.resize(step);
  const Attribute* found = list.Find(old);
  return found == nullptr ? nullptr : found->list();
}

bool SameUpTo(const Path& a, const Path& b, std::size_t step) {
  return a.top == b.top &&
         std::equal(a.steps.begin(), a.steps.begin() + static_cast<std::ptrdiff_t>(step),
                    b.steps.begin());
}

// How many elements before the one at `step` are taken out of its list.
std::size_t GoneBefore(const std::vector<Path>& removed, const Path& path, std::size_t step,
                       std::size_t size) {
  const std::size_t index = std::get<std::size_t>(path.steps[step]);
  return static_cast<std::size_t>(
      std::count_if(removed.begin(), removed.end(), [&](const Path& gone) {
        if (gone.steps.size() != step + 1 || !SameUpTo(gone, path, step)) return false;
        const std::size_t* at = std::get_if<std::size_t>(&gone.steps[step]);
        return at != nullptr && *at < index && *at < size;
      }));
}

}  // namespace

std::vector<Path> Landed(const Item& old, std::vector<Path> written,
                         const std::vector<Path>& removed) {
  const std::vector<Path> paths = written;
  std::size_t appended = 0;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const Path& path = paths[i];
    for (std::size_t step = 0; step < path.steps.size(); ++step) {
      const std::size_t* index = std::get_if<std::size_t>(&path.steps[step]);
      const Attribute::List* list = index == nullptr ? nullptr : ListAt(old, path, step);
      if (list == nullptr) continue;
      std::size_t at = *index;
      if (at >= list->size() && step + 1 == path.steps.size()) {
        const bool same_list =
            i > 0 && paths[i - 1].steps.size() == step + 1 && SameUpTo(paths[i - 1], path, step);
        appended = same_list ? appended : 0;
        at = list->size() + appended++;
      }
      written[i].steps[step] = at - GoneBefore(removed, path, step, list->size());
    }
  }
  return written;
}

}  // namespace leeward::lab::items
