#include "lab/wire/route.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "lab/wire/route_s3.h"

namespace leeward::lab::wire {
namespace {

using shapes::Model;
using shapes::Operation;
using shapes::Protocol;

using Models = std::span<const Model* const>;

constexpr std::string_view kS3 = "s3";
constexpr std::string_view kS3Control = "s3control";

bool Speaks(const Model& model, Protocol protocol) {
  return std::find(model.protocols.begin(), model.protocols.end(), protocol) !=
         model.protocols.end();
}

ApiError UnknownOperation(Protocol protocol, std::string_view name) {
  switch (protocol) {
    case Protocol::kQuery:
    case Protocol::kEc2:
      return {"InvalidAction", fmt::format("Could not find operation {}", name), 400, {}};
    default:
      return {"UnknownOperationException", fmt::format("There is no operation {}", name), 404, {}};
  }
}

ApiError UnknownService(std::string_view name) {
  return {"UnknownService",
          fmt::format("The lab does not serve {}", name.empty() ? "this request" : name),
          400,
          {}};
}

const shapes::OtherOperation* FindOther(const Model& model, std::string_view name) {
  for (const auto& other : model.other_operations) {
    if (other.name == name) return &other;
  }
  return nullptr;
}

void SetOperation(Route* route, std::string_view name) {
  route->operation_name = name;
  route->operation = route->model->FindOperation(name);
  if (route->operation != nullptr) return;
  if (FindOther(*route->model, name) != nullptr) {
    route->refusal = NotServed(*route->model, name);
  } else {
    route->refusal = UnknownOperation(route->protocol, name);
  }
}

void RouteJson(const Request& request, Models models, Route* route) {
  const std::string_view target = request.Header("X-Amz-Target");
  const std::string_view type = request.Header("Content-Type");
  route->protocol =
      type.find("json-1.0") != std::string_view::npos ? Protocol::kJson10 : Protocol::kJson11;
  const auto dot = target.rfind('.');
  const std::string_view prefix = target.substr(0, dot == std::string_view::npos ? 0 : dot);
  for (const Model* model : models) {
    if (model->target_prefix != prefix || prefix.empty()) continue;
    if (!Speaks(*model, Protocol::kJson10) && !Speaks(*model, Protocol::kJson11)) continue;
    route->model = model;
    if (!Speaks(*model, route->protocol)) {
      route->protocol = Speaks(*model, Protocol::kJson10) ? Protocol::kJson10 : Protocol::kJson11;
    }
    return SetOperation(route, target.substr(dot + 1));
  }
  route->refusal = UnknownOperation(route->protocol, target);
}

void RouteCbor(const Request& request, std::string_view signing_name, Models models, Route* route) {
  route->protocol = Protocol::kCbor;
  const auto parts = Split(request.Path(), '/');
  // .../service/<name>/operation/<name>
  const std::size_t size = parts.size();
  if (size < 5 || parts[size - 4] != "service" || parts[size - 2] != "operation") {
    route->refusal = UnknownOperation(Protocol::kCbor, request.Path());
    return;
  }
  for (const Model* model : models) {
    if (!Speaks(*model, Protocol::kCbor)) continue;
    if (model->target_prefix != parts[size - 3] ||
        (!signing_name.empty() && model->signing_name != signing_name))
      continue;
    route->model = model;
    return SetOperation(route, parts[size - 1]);
  }
  route->refusal = UnknownService(parts[size - 3]);
}

void RouteQuery(const Request& request, std::string_view signing_name, Models models,
                Route* route) {
  std::string text(request.Query());
  if (!request.body.empty()) text += (text.empty() ? "" : "&") + request.body;
  auto pairs = ParsePairs(text);
  if (!pairs.ok()) {
    route->refusal = ApiError{"MalformedQueryString", pairs.error().message(), 400, {}};
    return;
  }
  route->parameters = std::move(*pairs);
  const std::string_view action = ValueOf(route->parameters, "Action");
  const std::string_view version = ValueOf(route->parameters, "Version");
  for (const Model* model : models) {
    const bool ec2 = Speaks(*model, Protocol::kEc2);
    if (!ec2 && !Speaks(*model, Protocol::kQuery)) continue;
    // Unsigned requests carry no service; the version tells.
    if (signing_name.empty() ? model->api_version != version : model->signing_name != signing_name)
      continue;
    route->model = model;
    route->protocol = ec2 ? Protocol::kEc2 : Protocol::kQuery;
    if (action.empty()) {
      route->refusal =
          ApiError{"MissingAction", "The request must contain the parameter Action", 400, {}};
      return;
    }
    if (!version.empty() && version != model->api_version) {
      route->refusal =
          ApiError{"InvalidAction",
                   fmt::format("Could not find operation {} for version {}", action, version),
                   400,
                   {}};
      return;
    }
    return SetOperation(route, action);
  }
  route->refusal = UnknownService(signing_name);
}

struct Match {
  int literals = -1;
  Pairs labels;
};

std::vector<std::string_view> PathParts(std::string_view path) {
  while (path.starts_with('/')) path.remove_prefix(1);
  if (path.ends_with('/')) path.remove_suffix(1);
  return Split(path, '/');
}

// Fills in labels; false when the path is not the template's.
bool MatchPath(std::string_view pattern, std::string_view path, Match* match) {
  const auto wanted = PathParts(pattern);
  const auto given = PathParts(path);
  match->literals = 0;
  std::size_t at = 0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const std::string_view part = wanted[i];
    const bool label = part.starts_with('{') && part.ends_with('}');
    const bool greedy = label && part.ends_with("+}");
    std::size_t take = 1;
    if (greedy) {
      if (given.size() < at + (wanted.size() - i)) return false;
      take = given.size() - at - (wanted.size() - i - 1);
    }
    if (at + take > given.size()) return false;
    if (!label) {
      if (given[at] != part) return false;
      match->literals += part.empty() ? 0 : 1;
    } else {
      const char* first = given[at].data();
      const char* last = given[at + take - 1].data() + given[at + take - 1].size();
      const auto decoded = base::PercentDecode({first, static_cast<std::size_t>(last - first)});
      if (!decoded.ok() || decoded->empty()) return false;
      match->labels.emplace_back(part.substr(1, part.size() - (greedy ? 3 : 2)), *decoded);
    }
    at += take;
  }
  return at == given.size();
}

// The query constants of the template, such as "?x=y".
bool MatchQuery(std::string_view pattern, const Pairs& given) {
  const auto mark = pattern.find('?');
  if (mark == std::string_view::npos) return true;
  const auto wanted = ParsePairs(pattern.substr(mark + 1));
  if (!wanted.ok()) return false;
  return std::all_of(wanted->begin(), wanted->end(), [&](const auto& pair) {
    return std::find(given.begin(), given.end(), pair) != given.end();
  });
}

template <typename Op>
const Op* BestMatch(const Request& request, std::span<const Op> operations, const Pairs& query,
                    Match* best) {
  const Op* found = nullptr;
  for (const Op& operation : operations) {
    if (operation.http_method != request.method || !MatchQuery(operation.request_uri, query))
      continue;
    Match match;
    const std::string_view pattern =
        operation.request_uri.substr(0, operation.request_uri.find('?'));
    if (!MatchPath(pattern, request.Path(), &match)) continue;
    if (operation.request_uri.find('?') != std::string_view::npos) ++match.literals;
    if (match.literals <= best->literals) continue;
    *best = std::move(match);
    found = &operation;
  }
  return found;
}

// S3 and S3 Control are signed alike; S3 Control's requests say an account, and are under its
// version, which a bucket may be called as well.
bool IsOfAnother(const Model& model, const Request& request) {
  if (model.signing_name != kS3) return false;
  return IsForS3Control(request) != (model.service == kS3Control);
}

void RouteRest(const Request& request, std::string_view signing_name, Models models, Route* route) {
  route->protocol = Protocol::kRestJson;
  auto pairs = ParsePairs(request.Query());
  if (pairs.ok()) route->parameters = std::move(*pairs);
  for (const Model* model : models) {
    const bool xml = Speaks(*model, Protocol::kRestXml);
    if ((!xml && !Speaks(*model, Protocol::kRestJson)) || model->signing_name != signing_name)
      continue;
    if (IsOfAnother(*model, request)) continue;
    route->model = model;
    route->protocol = xml ? Protocol::kRestXml : Protocol::kRestJson;
    if (model->service == kS3) return RouteS3(request, route);
    Match best;
    if (const Operation* operation =
            BestMatch(request, model->operations, route->parameters, &best)) {
      route->operation = operation;
      route->operation_name = operation->name;
      route->labels = std::move(best.labels);
    }
    const auto* other = BestMatch(request, model->other_operations, route->parameters, &best);
    if (other != nullptr) {
      route->operation = nullptr;
      route->operation_name = other->name;
      route->refusal = NotServed(*model, other->name);
    } else if (route->operation == nullptr) {
      route->refusal =
          UnknownOperation(route->protocol, fmt::format("{} {}", request.method, request.Path()));
    }
    return;
  }
  route->refusal = UnknownService(signing_name);
}

}  // namespace

ApiError NotServed(const Model& model, std::string_view operation) {
  return {"NotImplemented",
          fmt::format("The lab does not serve {} of {}", operation, model.service_id),
          501,
          {}};
}

Route FindRoute(const Request& request, std::string_view signing_name, Models models) {
  Route route;
  const std::string_view type = request.Header("Content-Type");
  if (signing_name == kS3) {
    // The body is an object, whatever its headers say of it.
    RouteRest(request, signing_name, models, &route);
  } else if (request.Header("smithy-protocol") == "rpc-v2-cbor") {
    RouteCbor(request, signing_name, models, &route);
  } else if (request.HasHeader("X-Amz-Target")) {
    RouteJson(request, models, &route);
  } else if (type.starts_with("application/x-www-form-urlencoded") ||
             request.Query().find("Action=") != std::string_view::npos) {
    RouteQuery(request, signing_name, models, &route);
  } else {
    const bool query = std::any_of(models.begin(), models.end(), [&](const Model* model) {
      return model->signing_name == signing_name &&
             (Speaks(*model, Protocol::kQuery) || Speaks(*model, Protocol::kEc2));
    });
    if (query && request.Path() == "/") {
      RouteQuery(request, signing_name, models, &route);
    } else {
      RouteRest(request, signing_name, models, &route);
    }
  }
  return route;
}

}  // namespace leeward::lab::wire
