#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>

#include "aws/codec.h"
#include "base/bytes.h"

namespace leeward::aws::codec {
namespace {

using shapes::Type;

std::string DoubleText(double number) {
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number > 0 ? "Infinity" : "-Infinity";
  return fmt::format("{}", number);
}

base::Result<double> DoubleFromText(std::string_view text) {
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text == "Infinity") return std::numeric_limits<double>::infinity();
  if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    return base::Invalid(fmt::format("'{}' is not a number", text.substr(0, 40)));
  }
  return number;
}

base::Result<Value> IntegerFromText(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size()) return Value(number);
  return base::Invalid(fmt::format("'{}' is not a whole number", text.substr(0, 40)));
}

std::string_view Trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

}  // namespace

TimestampFormat FormatOf(const Member& member, TimestampFormat protocol_default) {
  if (member.timestamp_format != TimestampFormat::kDefault) return member.timestamp_format;
  if (member.shape->timestamp_format != TimestampFormat::kDefault)
    return member.shape->timestamp_format;
  return protocol_default;
}

std::string TimestampText(base::WallTime time, TimestampFormat format) {
  const std::int64_t millis = base::Millis(time.since_epoch);
  switch (format) {
    case TimestampFormat::kHttpDate:
      return base::FormatHttpDate(time);
    case TimestampFormat::kUnix:
      return millis % 1000 == 0 ? std::to_string(millis / 1000)
                                : fmt::format("{:.3f}", static_cast<double>(millis) / 1000);
    case TimestampFormat::kDefault:
    case TimestampFormat::kIso8601:
      break;
  }
  std::string text = base::FormatIso8601(time);
  if (text.ends_with(".000Z")) text.replace(text.size() - 5, 5, "Z");
  return text;
}

base::WallTime TimestampFromSeconds(double seconds) {
  // Past the range of nanoseconds in 64 bits a time means nothing to us; it stays finite.
  constexpr double kLimit = 9.2e9;
  const double bounded = std::isnan(seconds) ? 0 : std::min(kLimit, std::max(-kLimit, seconds));
  return {base::Duration(std::llround(bounded * 1e3) * 1'000'000)};
}

base::Result<base::WallTime> TimestampFromText(std::string_view text, TimestampFormat format) {
  text = Trim(text);
  if (format == TimestampFormat::kHttpDate) {
    base::Result<base::WallTime> time = base::ParseHttpDate(text);
    if (time.ok()) return time;
  }
  base::Result<base::WallTime> iso = base::ParseIso8601(text);
  if (iso.ok()) return iso;
  base::Result<base::WallTime> date = base::ParseHttpDate(text);
  if (date.ok()) return date;
  const base::Result<double> seconds = DoubleFromText(text);
  if (seconds.ok()) return TimestampFromSeconds(*seconds);
  return base::Invalid(fmt::format("'{}' is not a time", text.substr(0, 40)));
}

base::Result<std::string> ScalarToText(const Value& value, const Shape& shape,
                                       TimestampFormat format) {
  if (value.is_string())
    return shape.type == Type::kBlob ? base::Base64Encode(value.str()) : value.str();
  if (value.is_bool()) return std::string(value.boolean() ? "true" : "false");
  if (value.is_int()) return std::to_string(value.integer());
  if (value.is_double()) return DoubleText(value.number());
  if (value.is_blob()) return base::Base64Encode(value.blob().bytes);
  if (value.is_time()) return TimestampText(value.time(), format);
  return base::Invalid(fmt::format("{} takes a single value", shape.name));
}

base::Result<Value> ScalarFromText(std::string_view text, const Shape& shape,
                                   TimestampFormat format) {
  switch (shape.type) {
    case Type::kString:
      return Value(text);
    case Type::kBoolean:
      return Value(Trim(text) == "true" || Trim(text) == "True");
    case Type::kInteger:
    case Type::kLong:
      return IntegerFromText(Trim(text));
    case Type::kFloat:
    case Type::kDouble: {
      ASSIGN_OR_RETURN(const double number, DoubleFromText(Trim(text)));
      return Value(number);
    }
    case Type::kBlob: {
      ASSIGN_OR_RETURN(std::string bytes, base::Base64Decode(Trim(text)));
      return Value(shapes::Blob{std::move(bytes)});
    }
    case Type::kTimestamp: {
      ASSIGN_OR_RETURN(const base::WallTime time, TimestampFromText(text, format));
      return Value(time);
    }
    case Type::kStructure:
    case Type::kList:
    case Type::kMap:
      break;
  }
  return base::Invalid(fmt::format("{} is not a single value", shape.name));
}

}  // namespace leeward::aws::codec
