// Where in the updated item a path of an update came to stand: list elements move when others
// before them are taken away, and what is set past the end of a list stands at its end.
#pragma once

#include <vector>

#include "lab/items/path.h"

namespace leeward::lab::items {

// `written` in the order of ComesBefore (path_list.h); both of one update of `old`.
std::vector<Path> Landed(const Item& old, std::vector<Path> written,
                         const std::vector<Path>& removed);

}  // namespace leeward::lab::items
