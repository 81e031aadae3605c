// Wrap: text in lines of a given width, for terminals.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace leeward::base {

// Columns that UTF-8 text takes; each code point is taken as one.
int CountColumns(std::string_view text);

// The words of `text` in lines of at most `width` columns; a word that is longer has a line to
// itself. At least one line.
std::vector<std::string> WrapWords(std::string_view text, int width);

}  // namespace leeward::base
