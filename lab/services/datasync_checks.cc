#include "lab/services/datasync_checks.h"

#include <fmt/format.h>

#include <array>
#include <utility>
#include <vector>

#include "base/split.h"
#include "lab/services/datasync_schedule.h"

namespace leeward::lab::datasync {
namespace {

using base::Split;
using shapes::Value;

constexpr auto kDefaults = std::to_array<std::pair<const char*, const char*>>({
    {"VerifyMode", "POINT_IN_TIME_CONSISTENT"},
    {"OverwriteMode", "ALWAYS"},
    {"Atime", "BEST_EFFORT"},
    {"Mtime", "PRESERVE"},
    {"Uid", "INT_VALUE"},
    {"Gid", "INT_VALUE"},
    {"PreserveDeletedFiles", "PRESERVE"},
    {"PreserveDevices", "NONE"},
    {"PosixPermissions", "PRESERVE"},
    {"TaskQueueing", "ENABLED"},
    {"LogLevel", "OFF"},
    {"TransferMode", "CHANGED"},
    {"SecurityDescriptorCopyFlags", "NONE"},
    {"ObjectTags", "PRESERVE"},
});

// One pattern with "*" for any characters, on all of the text.
bool Fits(std::string_view pattern, std::string_view text) {
  std::size_t at = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  std::size_t p = 0;
  while (at < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = at;
    } else if (p < pattern.size() && pattern[p] == text[at]) {
      ++p;
      ++at;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      at = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

// The path itself and every folder that it is in, from the root on.
std::vector<std::string_view> Heads(std::string_view path) {
  std::vector<std::string_view> heads;
  for (std::size_t at = path.find('/', 1); at != std::string_view::npos;
       at = path.find('/', at + 1)) {
    heads.push_back(path.substr(0, at));
  }
  heads.push_back(path);
  return heads;
}

bool FitsOrInside(std::string_view pattern, std::string_view path) {
  if (pattern.ends_with('/') && pattern.size() > 1) pattern.remove_suffix(1);
  for (const std::string_view head : Heads(path)) {
    if (Fits(pattern, head)) return true;
  }
  return false;
}

// Whether what a pattern that begins with '/' wants may be below `path`.
bool MayLeadTo(std::string_view patterns, std::string_view path) {
  for (const std::string_view pattern : Split(patterns, '|')) {
    const std::size_t star = pattern.find('*');
    const std::string_view fixed = pattern.substr(0, star);
    if (star != std::string_view::npos && path.starts_with(fixed)) return true;
    if (fixed.starts_with(path) && fixed.size() > path.size() && fixed[path.size()] == '/') {
      return true;
    }
  }
  return false;
}

}  // namespace

ApiError Invalid(std::string message) {
  return {"InvalidRequestException", std::move(message), 400,
          Value::Struct({{"errorCode", "InvalidParameter"}})};
}

ApiError NotServed(std::string_view what) {
  return Invalid(fmt::format("{} is not served by this lab; leave it out.", what));
}

ArnParts ParseArn(std::string_view arn) {
  const auto parts = Split(arn, ':');
  if (parts.size() < 6 || parts[0] != "arn") return {};
  return {std::string(parts[2]), std::string(parts[3]), std::string(parts[4]),
          std::string(arn.substr(static_cast<std::size_t>(parts[5].data() - arn.data())))};
}

Value WithDefaults(const Value& options) {
  Value all = options.is_members() ? options : Value::Struct();
  for (const auto& [name, value] : kDefaults) {
    if (!all.Has(name)) all.Set(name, value);
  }
  if (!all.Has("BytesPerSecond")) all.Set("BytesPerSecond", -1);
  return all;
}

Problem CheckOptions(const Value& given) {
  const Value options = WithDefaults(given);
  const auto is = [&](const char* name, std::string_view value) {
    return options.String(name) == value;
  };
  if (is("PreserveDeletedFiles", "REMOVE") && is("TransferMode", "ALL")) {
    return Invalid(
        "PreserveDeletedFiles cannot be REMOVE when TransferMode is ALL: DataSync does not compare "
        "the locations then.");
  }
  if (is("PreserveDevices", "PRESERVE")) {
    return Invalid("PreserveDevices cannot be PRESERVE for Amazon EFS locations.");
  }
  if (is("Atime", "BEST_EFFORT") != is("Mtime", "PRESERVE")) {
    return Invalid(
        "Atime and Mtime go together: Mtime must be PRESERVE when Atime is BEST_EFFORT, and NONE "
        "when Atime is NONE.");
  }
  for (const char* name : {"Uid", "Gid"}) {
    if (is(name, "NAME") || is(name, "BOTH")) {
      return Invalid(fmt::format("{} {} is not supported.", name, options.String(name)));
    }
  }
  if (!is("Uid", options.String("Gid"))) return Invalid("Uid and Gid must be the same.");
  if (!is("SecurityDescriptorCopyFlags", "NONE")) {
    return Invalid("SecurityDescriptorCopyFlags is for SMB locations only.");
  }
  if (options.Int("BytesPerSecond") == 0) {
    return Invalid("BytesPerSecond must be -1, or at least 1.");
  }
  return std::nullopt;
}

Problem CheckFilters(const Value& input) {
  for (const char* name : {"Includes", "Excludes"}) {
    for (const Value& filter : input.Items(name)) {
      for (const std::string_view pattern : Split(filter.String("Value"), '|')) {
        if (pattern.empty()) return Invalid(fmt::format("{} has an empty pattern.", name));
        const bool anywhere = std::string_view(name) == "Excludes" && pattern.starts_with('*');
        if (!pattern.starts_with('/') && !anywhere) {
          return Invalid(
              fmt::format("The pattern {} of {} must start with a slash.", pattern, name));
        }
        if (pattern.find('\\') != std::string_view::npos) {
          return NotServed(fmt::format("A backslash in the pattern {}", pattern));
        }
      }
    }
  }
  return std::nullopt;
}

Problem CheckSchedule(const Value& schedule) {
  if (!schedule.is_members()) return std::nullopt;
  const auto parsed = Schedule::Parse(schedule.String("ScheduleExpression"));
  if (!parsed.ok()) return Invalid(parsed.error().message());
  return std::nullopt;
}

Problem CheckUnserved(const Value& input) {
  for (const char* name : {"ManifestConfig", "TaskReportConfig"}) {
    if (input.Has(name)) return NotServed(name);
  }
  if (input.String("TaskMode", "BASIC") != "BASIC") {
    return Invalid("Enhanced mode is not supported for transfers between Amazon EFS locations.");
  }
  return std::nullopt;
}

bool Matches(std::string_view patterns, std::string_view path) {
  for (const std::string_view pattern : Split(patterns, '|')) {
    if (!pattern.empty() && FitsOrInside(pattern, path)) return true;
  }
  return false;
}

std::function<bool(const std::string& path)> Wanted(std::string includes, std::string excludes) {
  if (includes.empty() && excludes.empty()) return nullptr;
  return [includes = std::move(includes), excludes = std::move(excludes)](const std::string& path) {
    if (!excludes.empty() && Matches(excludes, path)) return false;
    return includes.empty() || Matches(includes, path);
  };
}

std::function<bool(const std::string& path)> Leads(std::string includes, std::string excludes) {
  return [includes = std::move(includes), excludes = std::move(excludes)](const std::string& path) {
    if (!excludes.empty() && Matches(excludes, path)) return false;
    return includes.empty() || MayLeadTo(includes, path);
  };
}

}  // namespace leeward::lab::datasync
