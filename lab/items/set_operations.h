// Sets with and without values, in the order in which they came. Large ones too: nothing is looked
// for one by one.
#pragma once

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

namespace leeward::lab::items {

// Which values a set has.
template <typename T>
class Members {
 public:
  explicit Members(const std::vector<T>& values) {
    sorted_.reserve(values.size());
    for (const T& value : values) sorted_.push_back(&value);
    std::sort(sorted_.begin(), sorted_.end(), Less);
  }
  bool Has(const T& value) const {
    return std::binary_search(sorted_.begin(), sorted_.end(), &value, Less);
  }

 private:
  static bool Less(const T* a, const T* b) { return *a < *b; }
  std::vector<const T*> sorted_;
};

template <typename Set>
Set Union(const Set& set, const Set& more) {
  const Members members(set.values);
  Set out = set;
  for (const auto& value : more.values) {
    if (!members.Has(value)) out.values.push_back(value);
  }
  return out;
}

// nullopt when nothing is left: no set is empty.
template <typename Set>
std::optional<Set> Difference(const Set& set, const Set& less) {
  const Members members(less.values);
  Set left;
  for (const auto& value : set.values) {
    if (!members.Has(value)) left.values.push_back(value);
  }
  if (left.values.empty()) return std::nullopt;
  return left;
}

}  // namespace leeward::lab::items
