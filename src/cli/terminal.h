// What standard output can show, and how to show it: widths, colours, marks.
#pragma once

#include <string>
#include <string_view>

namespace leeward::cli {

enum class Colour { kPlain, kGood, kBad, kWarn, kBusy, kFaint, kBold };

struct Terminal {
  bool live = false;     // lines can be redrawn in place
  bool colour = false;   // a terminal, and NO_COLOR is not set
  bool unicode = false;  // the locale's encoding is UTF-8
  int width = 80;
  int height = 24;
};

// Looks at standard output and the environment.
Terminal LookAtTerminal();
// The same with the size as it is now.
Terminal WithSizeNow(Terminal terminal);

// The text in that colour; as it is where there is none.
std::string Paint(const Terminal& terminal, Colour colour, std::string_view text);
// Columns the UTF-8 text takes; each code point is taken as one.
int Columns(std::string_view text);
// At most `columns` of the text, the last a "…" (or ".") when something is cut; padded to it on
// request.
enum class Pad { kNo, kLeft, kRight };
std::string Fit(const Terminal& terminal, std::string_view text, int columns,
                Pad pad = Pad::kRight);
// Text without control characters, so that what a service answers cannot move the cursor.
std::string Printable(std::string_view text);

}  // namespace leeward::cli
