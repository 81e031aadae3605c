#include "lab/wire/scalar.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>

#include "base/bytes.h"

namespace leeward::lab::wire {

using shapes::TimestampFormat;
using shapes::Type;
using shapes::Value;

namespace {

base::Result<Value> IntegerFromText(const shapes::Shape& shape, std::string_view text) {
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end)
    return base::Invalid(fmt::format("'{}' is not an integer", text));
  const bool fits =
      shape.type == Type::kLong || (number >= std::numeric_limits<std::int32_t>::min() &&
                                    number <= std::numeric_limits<std::int32_t>::max());
  if (!fits) return base::Invalid(fmt::format("'{}' is out of range for an integer", text));
  return Value(number);
}

}  // namespace

TimestampFormat FormatOf(const shapes::Member& member, TimestampFormat place) {
  if (member.timestamp_format != TimestampFormat::kDefault) return member.timestamp_format;
  if (member.shape->timestamp_format != TimestampFormat::kDefault)
    return member.shape->timestamp_format;
  return place;
}

base::Result<Value> ScalarFromText(const shapes::Shape& shape, std::string_view text,
                                   TimestampFormat format) {
  switch (shape.type) {
    case Type::kString:
      return Value(text);
    case Type::kBoolean:
      if (text == "true") return Value(true);
      if (text == "false") return Value(false);
      return base::Invalid(fmt::format("'{}' is not a boolean", text));
    case Type::kInteger:
    case Type::kLong:
      return IntegerFromText(shape, text);
    case Type::kFloat:
    case Type::kDouble: {
      ASSIGN_OR_RETURN(const double number, NumberFromText(text));
      return Value(number);
    }
    case Type::kBlob: {
      ASSIGN_OR_RETURN(std::string bytes, base::Base64Decode(text));
      return Value(shapes::Blob{std::move(bytes)});
    }
    case Type::kTimestamp: {
      ASSIGN_OR_RETURN(const base::WallTime time, TimeFromText(text, format));
      return Value(time);
    }
    case Type::kStructure:
    case Type::kList:
    case Type::kMap:
      break;
  }
  return base::Invalid(fmt::format("{} is not a scalar", shape.name));
}

base::Result<std::string> ScalarToText(const shapes::Shape& shape, const Value& value,
                                       TimestampFormat format) {
  switch (shape.type) {
    case Type::kString:
      if (value.is_string()) return value.str();
      break;
    case Type::kBoolean:
      if (value.is_bool()) return std::string(value.boolean() ? "true" : "false");
      break;
    case Type::kInteger:
    case Type::kLong:
      if (value.is_int()) return std::to_string(value.integer());
      break;
    case Type::kFloat:
    case Type::kDouble:
      if (value.is_int() || value.is_double()) return NumberToText(value.number());
      break;
    case Type::kBlob:
      if (value.is_blob()) return base::Base64Encode(value.blob().bytes);
      break;
    case Type::kTimestamp:
      if (value.is_time()) return TimeToText(value.time(), format);
      break;
    case Type::kStructure:
    case Type::kList:
    case Type::kMap:
      break;
  }
  return BadAnswer(shape, "has a value of another type");
}

std::string TimeToText(base::WallTime time, TimestampFormat format) {
  if (format == TimestampFormat::kHttpDate) return base::FormatHttpDate(time);
  if (format == TimestampFormat::kUnix)
    return NumberToText(static_cast<double>(base::Millis(time.since_epoch)) / 1000);
  std::string text = base::FormatIso8601(time);
  // AWS leaves out a fraction that is zero.
  if (text.ends_with(".000Z")) text.replace(text.size() - 5, 5, "Z");
  return text;
}

base::WallTime TimeFromSeconds(double seconds) {
  return {std::chrono::nanoseconds(static_cast<std::int64_t>(std::llround(seconds * 1000))) *
          1'000'000};
}

base::Result<base::WallTime> TimeFromText(std::string_view text, TimestampFormat format) {
  if (format == TimestampFormat::kHttpDate) return base::ParseHttpDate(text);
  if (format != TimestampFormat::kUnix) {
    auto time = base::ParseIso8601(text);
    if (time.ok()) return time;
  }
  // Query services take seconds since 1970 as well.
  const auto number = NumberFromText(text);
  if (number.ok() && std::isfinite(*number) && std::abs(*number) < 1e11)
    return TimeFromSeconds(*number);
  return base::Invalid(fmt::format("'{}' is not a timestamp", text));
}

std::string NumberToText(double number) {
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number > 0 ? "Infinity" : "-Infinity";
  if (number == std::trunc(number) && std::abs(number) < 1e15) return fmt::format("{:.0f}", number);
  return fmt::format("{}", number);
}

base::Result<double> NumberFromText(std::string_view text) {
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text == "Infinity") return std::numeric_limits<double>::infinity();
  if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
  double number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end || !std::isfinite(number)) {
    return base::Invalid(fmt::format("'{}' is not a number", text));
  }
  return number;
}

base::Error BadAnswer(const shapes::Shape& shape, std::string_view what) {
  return base::ServiceBroken(
      fmt::format("the lab's answer does not fit its model: {} {}", shape.name, what));
}

}  // namespace leeward::lab::wire
