#include "lab/services/time_window.h"

#include <cctype>

namespace leeward::lab {
namespace {

constexpr int kMinutesPerHour = 60;
constexpr int kMinutesPerDay = 24 * kMinutesPerHour;

}  // namespace

std::optional<int> MinuteOfDay(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return {};
  for (const std::size_t i : {0u, 1u, 3u, 4u}) {
    if (std::isdigit(static_cast<unsigned char>(text[i])) == 0) return {};
  }
  const int hours = (text[0] - '0') * 10 + (text[1] - '0');
  const int minutes = (text[3] - '0') * 10 + (text[4] - '0');
  if (hours >= 24 || minutes >= kMinutesPerHour) return {};
  return hours * kMinutesPerHour + minutes;
}

std::optional<int> WindowMinutes(std::string_view window) {
  const std::size_t dash = window.find('-');
  if (dash == std::string_view::npos) return {};
  const std::optional<int> from = MinuteOfDay(window.substr(0, dash));
  const std::optional<int> to = MinuteOfDay(window.substr(dash + 1));
  if (!from || !to) return {};
  return (*to - *from + kMinutesPerDay) % kMinutesPerDay;
}

}  // namespace leeward::lab
