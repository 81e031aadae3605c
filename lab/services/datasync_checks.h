// What DataSync refuses in a task, apart from what its model already says, and how it answers.
// Pure.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "lab/core/service.h"

namespace leeward::lab::datasync {

using Problem = std::optional<ApiError>;

ApiError Invalid(std::string message);  // InvalidRequestException
ApiError NotServed(std::string_view what);

// "arn:aws:datasync:us-west-2:123456789012:location/loc-0123" in parts.
struct ArnParts {
  std::string service;
  std::string region;
  std::string account;
  std::string resource;  // "location/loc-0123"
};
ArnParts ParseArn(std::string_view arn);

// The options with what was not given filled in.
shapes::Value WithDefaults(const shapes::Value& options);
Problem CheckOptions(const shapes::Value& options);
// Of CreateTask, UpdateTask and StartTaskExecution.
Problem CheckFilters(const shapes::Value& input);
Problem CheckSchedule(const shapes::Value& schedule);
// What has nothing behind it in this lab.
Problem CheckUnserved(const shapes::Value& input);

// "/folder1|*.tmp" as DataSync takes it: whether "/folder1/x" is matched, itself or by a folder
// that it is in.
bool Matches(std::string_view patterns, std::string_view path);
// What is copied: all that the includes let in and the excludes leave; null for everything.
std::function<bool(const std::string& path)> Wanted(std::string includes, std::string excludes);
// Folders that something which is copied may be in.
std::function<bool(const std::string& path)> Leads(std::string includes, std::string excludes);

}  // namespace leeward::lab::datasync
