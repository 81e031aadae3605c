#include "cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "base/wrap.h"
#include "os/environment.h"

namespace leeward::cli {
namespace {

constexpr int kMinWidth = 40;
constexpr int kMaxWidth = 120;

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

std::string_view Code(Colour colour) {
  switch (colour) {
    case Colour::kPlain:
      return "";
    case Colour::kGood:
      return "32";
    case Colour::kBad:
      return "31";
    case Colour::kWarn:
      return "33";
    case Colour::kBusy:
      return "36";
    case Colour::kFaint:
      return "2";
    case Colour::kBold:
      return "1";
  }
  return "";
}

}  // namespace

Terminal LookAtTerminal() {
  const auto set = [](const char* name) { return os::Environment(name).value_or(""); };
  Terminal terminal;
  const bool tty = isatty(STDOUT_FILENO) == 1;
  terminal.live = tty && set("TERM") != "dumb";
  terminal.colour = terminal.live && set("NO_COLOR").empty();
  std::string locale = set("LC_ALL");
  if (locale.empty()) locale = set("LC_CTYPE");
  if (locale.empty()) locale = set("LANG");
  std::transform(locale.begin(), locale.end(), locale.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  terminal.unicode =
      locale.find("utf-8") != std::string::npos || locale.find("utf8") != std::string::npos;
  return WithSizeNow(terminal);
}

Terminal WithSizeNow(Terminal terminal) {
  winsize size{};
  if (terminal.live && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    terminal.width = std::clamp<int>(size.ws_col, kMinWidth, kMaxWidth);
    terminal.height = std::max<int>(size.ws_row, 4);
  }
  return terminal;
}

std::string Paint(const Terminal& terminal, Colour colour, std::string_view text) {
  if (!terminal.colour || colour == Colour::kPlain) return std::string(text);
  return "\x1b[" + std::string(Code(colour)) + "m" + std::string(text) + "\x1b[0m";
}

int Columns(std::string_view text) { return base::CountColumns(text); }

std::string Fit(const Terminal& terminal, std::string_view text, int columns, Pad pad) {
  if (columns <= 0) return "";
  const int have = Columns(text);
  if (have <= columns) {
    const std::string space(static_cast<std::size_t>(columns - have), ' ');
    switch (pad) {
      case Pad::kNo:
        return std::string(text);
      case Pad::kLeft:
        return space + std::string(text);
      case Pad::kRight:
        return std::string(text) + space;
    }
  }
  std::size_t end = 0;
  for (int taken = 0; end < text.size(); ++end) {
    if (!IsContinuation(text[end]) && ++taken == columns) break;
  }
  return std::string(text.substr(0, end)) + (terminal.unicode ? "…" : ".");
}

std::string Printable(std::string_view text) {
  std::string clean(text);
  std::replace_if(
      clean.begin(), clean.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  return clean;
}

}  // namespace leeward::cli
