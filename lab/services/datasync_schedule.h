// When a DataSync task runs by itself: "rate(12 hours)" or "cron(0 12 ? * SUN,WED *)", in UTC.
// Pure.
#pragma once

#include <array>
#include <optional>
#include <set>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace leeward::lab::datasync {

class Schedule {
 public:
  // kInvalid with what DataSync would say: also for what comes more often than once an hour.
  static base::Result<Schedule> Parse(std::string_view expression);
  // The first time after `after`; a rate counts from `from`. Nothing for a cron of years gone by.
  std::optional<base::WallTime> Next(base::WallTime from, base::WallTime after) const;

 private:
  struct Fields {
    std::set<int> minutes, hours, days, months, weekdays, years;
    bool any_day = false;      // "?" or "*" of the day of the month
    bool any_weekday = false;  // of the day of the week
  };
  static base::Result<Schedule> ParseRate(std::string_view text);
  static base::Result<Schedule> ParseCron(std::string_view text);
  bool HasDay(std::chrono::sys_days day) const;

  base::Duration rate_{0};  // 0: a cron
  Fields fields_;
};

}  // namespace leeward::lab::datasync
