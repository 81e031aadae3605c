// Conditions and operands against an item.
#pragma once

#include <optional>

#include "lab/items/tree.h"

namespace leeward::lab::items::tree {

bool Holds(const Node& node, const Item& item);

// What contains() and CONTAINS mean, and begins_with() and BEGINS_WITH.
bool Contains(const Attribute& container, const Attribute& part);
bool BeginsWith(const Attribute& value, const Attribute& prefix);
// UTF-16 code units of S, as Java counts; bytes of B; members of sets, L and M; nullopt for the
// rest.
std::optional<std::size_t> SizeFunction(const Attribute& value);

}  // namespace leeward::lab::items::tree
