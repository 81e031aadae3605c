#include "lab/services/datasync_schedule.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <vector>

#include "base/split.h"

namespace leeward::lab::datasync {
namespace {

constexpr std::string_view kTooOften =
    "The schedule is not valid: a task cannot be scheduled at an interval of less than 1 hour.";
constexpr base::Duration kLongest = std::chrono::hours(24 * 366 * 10);
constexpr int kMostDays = 366 * 8;  // that a date which exists can be away: a leap day over 2100

base::Error Bad(std::string_view expression, std::string_view why) {
  return base::Invalid(
      fmt::format("The schedule expression {} is not valid: {}.", expression, why));
}

std::optional<int> Number(std::string_view text) {
  int value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || read.ec != std::errc() || read.ptr != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

struct Range {
  int low;
  int high;
  std::string_view names;  // of three letters each, from `low` on
};
constexpr Range kMinutes{0, 59, ""};
constexpr Range kHours{0, 23, ""};
constexpr Range kDays{1, 31, ""};
constexpr Range kMonths{1, 12, "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC"};
constexpr Range kWeekdays{1, 7, "SUNMONTUEWEDTHUFRISAT"};
constexpr Range kYears{1970, 2199, ""};

std::optional<int> ValueOf(std::string_view text, const Range& range) {
  auto value = Number(text);
  if (!value && text.size() == 3) {
    const std::size_t at = range.names.find(text);
    if (at != std::string_view::npos && at % 3 == 0) {
      value = range.low + static_cast<int>(at / 3);
    }
  }
  if (!value || *value < range.low || *value > range.high) return std::nullopt;
  return value;
}

// "*", "5", "1-5", "0/15", "MON,WED"; nothing for what is none of them.
std::optional<std::set<int>> FieldOf(std::string_view text, const Range& range) {
  std::set<int> values;
  for (const std::string_view part : base::Split(text, ',')) {
    const std::size_t slash = part.find('/');
    const auto step =
        slash == std::string_view::npos ? std::optional<int>(1) : Number(part.substr(slash + 1));
    const std::string_view head = part.substr(0, slash);
    const std::size_t dash = head.find('-');
    int low = range.low;
    int high = range.high;
    if (head != "*") {
      const auto first = ValueOf(head.substr(0, dash), range);
      const auto last =
          dash == std::string_view::npos ? first : ValueOf(head.substr(dash + 1), range);
      if (!first || !last) return std::nullopt;
      low = *first;
      high = dash == std::string_view::npos && slash != std::string_view::npos ? range.high : *last;
    }
    if (!step || *step < 1 || *step > range.high || low > high) return std::nullopt;
    for (int value = low; value <= high; value += *step) values.insert(value);
  }
  return values;
}

}  // namespace

base::Result<Schedule> Schedule::Parse(std::string_view expression) {
  for (const auto& [head, parse] : {std::pair{std::string_view("rate("), &Schedule::ParseRate},
                                    std::pair{std::string_view("cron("), &Schedule::ParseCron}}) {
    if (!expression.starts_with(head) || !expression.ends_with(')')) continue;
    return parse(expression.substr(head.size(), expression.size() - head.size() - 1));
  }
  return Bad(expression, "it is neither rate(...) nor cron(...)");
}

base::Result<Schedule> Schedule::ParseRate(std::string_view text) {
  const std::size_t space = text.find(' ');
  const auto count = Number(text.substr(0, space));
  const std::string_view unit = space == std::string_view::npos ? "" : text.substr(space + 1);
  if (!count || *count < 1) return Bad(text, "a rate is a positive number and a unit");
  const bool one = *count == 1;
  base::Duration each{0};
  if (unit == (one ? "minute" : "minutes")) each = std::chrono::minutes(1);
  if (unit == (one ? "hour" : "hours")) each = std::chrono::hours(1);
  if (unit == (one ? "day" : "days")) each = std::chrono::hours(24);
  if (each == base::Duration(0)) {
    return Bad(text, "the unit is minute, hour or day, with an s if there is more than one");
  }
  if (*count > kLongest / each) return Bad(text, "it is too long");
  Schedule schedule;
  schedule.rate_ = each * *count;
  if (schedule.rate_ < std::chrono::hours(1)) return base::Invalid(std::string(kTooOften));
  return schedule;
}

base::Result<Schedule> Schedule::ParseCron(std::string_view text) {
  const std::vector<std::string_view> parts = base::Split(text, ' ');
  if (parts.size() != 6) return Bad(text, "a cron has six fields");
  Schedule schedule;
  Fields& fields = schedule.fields_;
  fields.any_day = parts[2] == "?" || parts[2] == "*";
  fields.any_weekday = parts[4] == "?" || parts[4] == "*";
  if ((parts[2] == "?") == (parts[4] == "?")) {
    return Bad(text, "either the day of the month or the day of the week is ?");
  }
  const auto read = [](std::string_view part, const Range& range, std::set<int>& into) {
    const auto values = FieldOf(part == "?" ? "*" : part, range);
    if (values) into = *values;
    return values.has_value();
  };
  if (!read(parts[0], kMinutes, fields.minutes) || !read(parts[1], kHours, fields.hours) ||
      !read(parts[2], kDays, fields.days) || !read(parts[3], kMonths, fields.months) ||
      !read(parts[4], kWeekdays, fields.weekdays) || !read(parts[5], kYears, fields.years)) {
    return Bad(text, "a field is out of range");
  }
  if (fields.minutes.size() != 1) return base::Invalid(std::string(kTooOften));
  return schedule;
}

bool Schedule::HasDay(std::chrono::sys_days day) const {
  const std::chrono::year_month_day date(day);
  const int weekday = static_cast<int>(std::chrono::weekday(day).c_encoding()) + 1;
  return fields_.years.contains(static_cast<int>(date.year())) &&
         fields_.months.contains(static_cast<int>(static_cast<unsigned>(date.month()))) &&
         (fields_.any_day ||
          fields_.days.contains(static_cast<int>(static_cast<unsigned>(date.day())))) &&
         (fields_.any_weekday || fields_.weekdays.contains(weekday));
}

std::optional<base::WallTime> Schedule::Next(base::WallTime from, base::WallTime after) const {
  if (rate_ != base::Duration(0)) {
    if (after < from) return from + rate_;
    return from + rate_ * ((after - from) / rate_ + 1);
  }
  const auto since = std::chrono::floor<std::chrono::days>(after.since_epoch);
  std::chrono::sys_days day{since};
  for (int i = 0; i < kMostDays; ++i, day += std::chrono::days(1)) {
    if (!HasDay(day)) continue;
    for (const int hour : fields_.hours) {
      const base::WallTime time{day.time_since_epoch() + std::chrono::hours(hour) +
                                std::chrono::minutes(*fields_.minutes.begin())};
      if (time > after) return time;
    }
  }
  return std::nullopt;
}

}  // namespace leeward::lab::datasync
