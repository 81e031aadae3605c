// Paths of one expression against each other.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lab/items/path.h"

namespace leeward::lab::items {

// "Two document paths overlap with each other; must remove or rewrite one of these paths; path one:
// [a], path two: [a, b]" of the first two that do, in their order, or that conflict.
std::optional<std::string> FirstClash(const std::vector<Path>& paths);

// Before: in the order of an item's parts, outer ones first, list elements by number.
bool ComesBefore(const Path& a, const Path& b);

}  // namespace leeward::lab::items
