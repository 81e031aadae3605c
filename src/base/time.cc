#include "base/time.h"

#include <fmt/format.h>

#include <array>
#include <ctime>
#include <limits>

namespace leeward::base {
namespace {

constexpr std::array<const char*, 7> kWeekdays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct Fields {
  std::tm tm{};
  int millis = 0;
};

Fields Split(WallTime time) {
  const auto floor_ms = std::chrono::floor<std::chrono::milliseconds>(time.since_epoch).count();
  std::int64_t seconds = floor_ms / 1000;
  int millis = static_cast<int>(floor_ms % 1000);
  if (millis < 0) {
    millis += 1000;
    seconds -= 1;
  }
  Fields fields;
  const std::time_t t = seconds;
  gmtime_r(&t, &fields.tm);
  fields.millis = millis;
  return fields;
}

// Reads exactly `digits` decimal digits at `pos`, advancing it; -1 when they are not there.
int Digits(std::string_view text, std::size_t& pos, int digits) {
  if (pos + static_cast<std::size_t>(digits) > text.size()) return -1;
  int value = 0;
  for (int i = 0; i < digits; ++i) {
    const char c = text[pos + static_cast<std::size_t>(i)];
    if (c < '0' || c > '9') return -1;
    value = value * 10 + (c - '0');
  }
  pos += static_cast<std::size_t>(digits);
  return value;
}

bool Skip(std::string_view text, std::size_t& pos, char c) {
  if (pos >= text.size() || text[pos] != c) return false;
  ++pos;
  return true;
}

struct Civil {
  int year, month, day, hour, minute, second;
};

Result<WallTime> FromCivil(const Civil& c, std::string_view text) {
  const std::chrono::year_month_day ymd{std::chrono::year{c.year},
                                        std::chrono::month{static_cast<unsigned>(c.month)},
                                        std::chrono::day{static_cast<unsigned>(c.day)}};
  if (c.month < 1 || c.day < 1 || !ymd.ok() || c.hour < 0 || c.hour > 23 || c.minute < 0 ||
      c.minute > 59 || c.second < 0 || c.second > 60) {
    return Invalid(fmt::format("'{}' is not a date and time", text));
  }
  if (c.year < 1700 || c.year > 2250) {
    return Invalid(fmt::format("'{}' is outside the years 1700 to 2250", text));
  }
  const auto days = std::chrono::sys_days{ymd}.time_since_epoch();
  return WallTime{Duration(days) + std::chrono::hours(c.hour) + std::chrono::minutes(c.minute) +
                  std::chrono::seconds(c.second)};
}

struct Unit {
  std::string_view name;
  Duration length;
};
constexpr std::array<Unit, 7> kUnits = {
    {{"ns", 1ns}, {"us", 1us}, {"ms", 1ms}, {"s", 1s}, {"m", 1min}, {"h", 1h}, {"d", 24h}}};

}  // namespace

std::string FormatIso8601(WallTime time) {
  const Fields f = Split(time);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", f.tm.tm_year + 1900,
                     f.tm.tm_mon + 1, f.tm.tm_mday, f.tm.tm_hour, f.tm.tm_min, f.tm.tm_sec,
                     f.millis);
}

std::string FormatAmzDate(WallTime time) {
  const Fields f = Split(time);
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", f.tm.tm_year + 1900, f.tm.tm_mon + 1,
                     f.tm.tm_mday, f.tm.tm_hour, f.tm.tm_min, f.tm.tm_sec);
}

std::string FormatHttpDate(WallTime time) {
  const Fields f = Split(time);
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
                     kWeekdays[static_cast<std::size_t>(f.tm.tm_wday)], f.tm.tm_mday,
                     kMonths[static_cast<std::size_t>(f.tm.tm_mon)], f.tm.tm_year + 1900,
                     f.tm.tm_hour, f.tm.tm_min, f.tm.tm_sec);
}

Result<WallTime> ParseIso8601(std::string_view text) {
  std::size_t pos = 0;
  Civil c{};
  const Error bad =
      Invalid(fmt::format("'{}' is not an ISO 8601 date and time", text.substr(0, 64)));
  c.year = Digits(text, pos, 4);
  if (!Skip(text, pos, '-')) return bad;
  c.month = Digits(text, pos, 2);
  if (!Skip(text, pos, '-')) return bad;
  c.day = Digits(text, pos, 2);
  if (!Skip(text, pos, 'T')) return bad;
  c.hour = Digits(text, pos, 2);
  if (!Skip(text, pos, ':')) return bad;
  c.minute = Digits(text, pos, 2);
  if (!Skip(text, pos, ':')) return bad;
  c.second = Digits(text, pos, 2);
  ASSIGN_OR_RETURN(WallTime time, FromCivil(c, text));
  if (Skip(text, pos, '.')) {
    Duration place = 100ms;
    const std::size_t first = pos;
    for (; pos < text.size() && text[pos] >= '0' && text[pos] <= '9'; ++pos) {
      time = time + place * (text[pos] - '0');
      place /= 10;
    }
    if (pos == first) return bad;
  }
  if (Skip(text, pos, 'Z')) return pos == text.size() ? Result<WallTime>(time) : bad;
  if (pos >= text.size() || (text[pos] != '+' && text[pos] != '-')) return bad;
  const int sign = text[pos++] == '+' ? 1 : -1;
  const int hours = Digits(text, pos, 2);
  if (!Skip(text, pos, ':')) return bad;
  const int minutes = Digits(text, pos, 2);
  if (hours < 0 || hours > 14 || minutes < 0 || minutes > 59 || pos != text.size()) return bad;
  return time - sign * (std::chrono::hours(hours) + std::chrono::minutes(minutes));
}

Result<WallTime> ParseAmzDate(std::string_view text) {
  std::size_t pos = 0;
  Civil c{};
  c.year = Digits(text, pos, 4);
  c.month = Digits(text, pos, 2);
  c.day = Digits(text, pos, 2);
  const bool t = Skip(text, pos, 'T');
  c.hour = Digits(text, pos, 2);
  c.minute = Digits(text, pos, 2);
  c.second = Digits(text, pos, 2);
  if (!t || !Skip(text, pos, 'Z') || pos != text.size()) {
    return Invalid(
        fmt::format("'{}' is not a date of the form 20261123T082053Z", text.substr(0, 64)));
  }
  return FromCivil(c, text);
}

Result<WallTime> ParseHttpDate(std::string_view text) {
  const Error bad = Invalid(fmt::format("'{}' is not an HTTP date", text.substr(0, 64)));
  std::size_t pos = 5;  // the weekday is redundant and not checked
  Civil c{};
  c.day = Digits(text, pos, 2);
  if (!Skip(text, pos, ' ') || pos + 3 > text.size()) return bad;
  const std::string_view month = text.substr(pos, 3);
  for (std::size_t i = 0; i < kMonths.size(); ++i) {
    if (month == kMonths[i]) c.month = static_cast<int>(i) + 1;
  }
  pos += 3;
  if (!Skip(text, pos, ' ')) return bad;
  c.year = Digits(text, pos, 4);
  if (!Skip(text, pos, ' ')) return bad;
  c.hour = Digits(text, pos, 2);
  if (!Skip(text, pos, ':')) return bad;
  c.minute = Digits(text, pos, 2);
  if (!Skip(text, pos, ':')) return bad;
  c.second = Digits(text, pos, 2);
  if (text.substr(pos) != " GMT") return bad;
  return FromCivil(c, text);
}

Result<Duration> ParseDuration(std::string_view text) {
  const Error bad = Invalid(fmt::format(
      "'{}' is not a duration; write a number and a unit, such as 500ms, 5s, 15m, 2h or 1d",
      text.substr(0, 64)));
  if (text.empty()) return bad;
  Duration total{0};
  std::size_t pos = 0;
  while (pos < text.size()) {
    const std::size_t first = pos;
    std::int64_t number = 0;
    for (; pos < text.size() && text[pos] >= '0' && text[pos] <= '9'; ++pos) {
      const int digit = text[pos] - '0';
      if (number > (std::numeric_limits<std::int64_t>::max() - digit) / 10) return bad;
      number = number * 10 + digit;
    }
    const std::size_t unit_at = pos;
    while (pos < text.size() && text[pos] >= 'a' && text[pos] <= 'z') ++pos;
    const std::string_view name = text.substr(unit_at, pos - unit_at);
    const Unit* unit = nullptr;
    for (const Unit& candidate : kUnits) {
      if (candidate.name == name) unit = &candidate;
    }
    if (unit_at == first || unit == nullptr) return bad;
    if (number > (std::numeric_limits<std::int64_t>::max() - total.count()) / unit->length.count())
      return bad;
    total += number * unit->length;
  }
  return total;
}

std::string FormatDuration(Duration duration) {
  if (duration.count() == 0) return "0s";
  for (auto unit = kUnits.rbegin(); unit != kUnits.rend(); ++unit) {
    if (duration % unit->length == 0ns) {
      return fmt::format("{}{}", duration / unit->length, unit->name);
    }
  }
  return fmt::format("{}ns", duration.count());
}

std::string HumanDuration(Duration duration) {
  const double s = Seconds(duration);
  if (s < 0) return "-" + HumanDuration(-duration);
  if (s >= 3600) {
    return fmt::format("{} h {} min", static_cast<std::int64_t>(s) / 3600,
                       static_cast<std::int64_t>(s) % 3600 / 60);
  }
  if (s >= 60)
    return fmt::format("{} min {} s", static_cast<std::int64_t>(s) / 60,
                       static_cast<std::int64_t>(s) % 60);
  if (s >= 10) return fmt::format("{:.1f} s", s);
  if (s >= 1) return fmt::format("{:.2f} s", s);
  if (s >= 0.001) return fmt::format("{:.0f} ms", s * 1e3);
  return s == 0 ? "0 s" : fmt::format("{:.0f} us", s * 1e6);
}

}  // namespace leeward::base
