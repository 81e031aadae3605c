#include "lab/wire/route_s3.h"

#include <algorithm>

#include "base/bytes.h"

namespace leeward::lab::wire {
namespace {

// "/", "/{Bucket}" or "/{Bucket}/{Key+}", and what a path has of it.
struct Place {
  std::string_view pattern;
  Pairs labels;
};

std::optional<Place> ReadPlace(std::string_view path) {
  if (path.starts_with('/')) path.remove_prefix(1);
  if (path.empty()) return Place{"/", {}};
  const auto slash = path.find('/');
  const std::string_view bucket = path.substr(0, slash);
  const std::string_view key =
      slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
  auto bucket_text = base::PercentDecode(bucket);
  auto key_text = base::PercentDecode(key);
  if (!bucket_text.ok() || !key_text.ok() || bucket_text->empty()) return std::nullopt;
  if (key_text->empty()) return Place{"/{Bucket}", {{"Bucket", *std::move(bucket_text)}}};
  return Place{"/{Bucket}/{Key+}",
               {{"Bucket", *std::move(bucket_text)}, {"Key", *std::move(key_text)}}};
}

// How many of the template's constants the query has; -1 when one is missing.
int CountConstants(std::string_view uri, const Pairs& query) {
  const auto mark = uri.find('?');
  if (mark == std::string_view::npos) return 0;
  const auto wanted = ParsePairs(uri.substr(mark + 1));
  if (!wanted.ok()) return -1;
  for (const auto& pair : *wanted) {
    if (std::find(query.begin(), query.end(), pair) == query.end()) return -1;
  }
  return static_cast<int>(wanted->size());
}

// The members outside path and body that an operation cannot do without tell it from others.
int CountRequired(const shapes::Operation& operation, const Request& request, const Pairs& query) {
  int count = 0;
  if (operation.input == nullptr) return count;
  for (const shapes::Member& member : operation.input->members) {
    if (!member.required) continue;
    const std::string_view name = member.location_name.empty() ? member.name : member.location_name;
    const bool in_query = member.location == shapes::Location::kQuery;
    if (!in_query && member.location != shapes::Location::kHeader) continue;
    if (in_query ? !Contains(query, name) : !request.HasHeader(name)) return -1;
    ++count;
  }
  return count;
}

template <typename Op>
bool IsAt(const Op& operation, std::string_view method, std::string_view pattern) {
  return operation.http_method == method &&
         operation.request_uri.substr(0, operation.request_uri.find('?')) == pattern;
}

}  // namespace

bool IsForS3Control(const Request& request) {
  return request.HasHeader("x-amz-account-id") && request.Path().starts_with("/v20180820/");
}

void RouteS3(const Request& request, Route* route) {
  const auto place = ReadPlace(request.Path());
  if (!place) {
    route->refusal = ApiError{"InvalidURI", "Couldn't parse the specified URI.", 400, {}};
    return;
  }
  int best = -1;
  for (const shapes::Operation& each : route->model->operations) {
    if (!IsAt(each, request.method, place->pattern)) continue;
    const int constants = CountConstants(each.request_uri, route->parameters);
    const int required = CountRequired(each, request, route->parameters);
    if (constants < 0 || required < 0 || constants + required <= best) continue;
    best = constants + required;
    route->operation = &each;
    route->operation_name = each.name;
  }
  for (const shapes::OtherOperation& each : route->model->other_operations) {
    if (!IsAt(each, request.method, place->pattern)) continue;
    const int constants = CountConstants(each.request_uri, route->parameters);
    if (constants <= best) continue;
    best = constants;
    route->operation = nullptr;
    route->operation_name = each.name;
    route->refusal = NotServed(*route->model, each.name);
  }
  // The one whose shapes are not kept that only a header tells from another.
  if (route->operation_name == "UploadPart" && request.HasHeader("x-amz-copy-source")) {
    route->operation = nullptr;
    route->operation_name = "UploadPartCopy";
    route->refusal = NotServed(*route->model, route->operation_name);
  }
  if (best < 0) {
    route->refusal = ApiError{
        "MethodNotAllowed", "The specified method is not allowed against this resource.", 405, {}};
  }
  route->labels = place->labels;
}

}  // namespace leeward::lab::wire
