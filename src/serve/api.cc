#include "serve/api.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace leeward::serve {
namespace {

using Json = nlohmann::ordered_json;
using ports::HttpResponse;

constexpr std::string_view kBearer = "Bearer ";
constexpr std::string_view kApplications = "/v1/applications";
constexpr std::size_t kMaxOverride = 500;

HttpResponse Text(int status, const char* type, std::string body) {
  HttpResponse response;
  response.status = status;
  response.headers = {{"Content-Type", type}, {"Cache-Control", "no-store"}};
  response.body = std::move(body);
  return response;
}

HttpResponse JsonOf(int status, const Json& json) {
  return Text(status, "application/json",
              json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

HttpResponse Error(int status, const std::string& what) {
  return JsonOf(status, Json{{"error", what}});
}

HttpResponse OfError(const base::Error& error) {
  switch (error.code()) {
    case base::ErrorCode::kInvalid:
      return Error(400, error.message());
    case base::ErrorCode::kNotFound:
      return Error(404, error.message());
    case base::ErrorCode::kWrongState:
    case base::ErrorCode::kAlready:
    case base::ErrorCode::kRefused:
      return Error(409, error.message());
    default:
      return Error(503, error.message());
  }
}

HttpResponse WrongMethod(const char* allowed) {
  HttpResponse response = Error(405, std::string("only ") + allowed);
  response.headers.emplace_back("Allow", allowed);
  return response;
}

HttpResponse Accepted(const char* what) { return JsonOf(202, Json{{"accepted", what}}); }

base::Result<std::string> TextMember(const Json& value, const std::string& key) {
  if (!value.is_string()) return base::Invalid("'" + key + "' is no text");
  return value.get<std::string>();
}

// The order, and in `action` what is to be started.
base::Result<Order> OrderFrom(std::string_view body, std::string* action) {
  const Json json = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return base::Invalid("the body is not one JSON object");
  Order order;
  for (const auto& [key, value] : json.items()) {
    ASSIGN_OR_RETURN(const std::string text, TextMember(value, key));
    if (key == "action") {
      *action = text;
    } else if (key == "accept_loss") {
      ASSIGN_OR_RETURN(order.accept_loss, base::ParseDuration(text));
    } else if (key == "override_fence") {
      if (text.size() > kMaxOverride) return base::Invalid("'override_fence' is too long");
      order.override_fence = text;
    } else {
      return base::Invalid("'" + key +
                           "' is unknown; there are action, accept_loss and "
                           "override_fence");
    }
  }
  if (action->empty()) return base::Invalid("say which action, such as {\"action\":\"failover\"}");
  return order;
}

base::Result<Approval> ApprovalFrom(std::string_view body) {
  const Json json = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return base::Invalid("the body is not one JSON object");
  Approval approval;
  for (const auto& [key, value] : json.items()) {
    ASSIGN_OR_RETURN(const std::string text, TextMember(value, key));
    if (key == "by") {
      approval.by = text;
    } else if (key == "reason") {
      approval.reason = text;
    } else if (key == "execution") {
      approval.execution = text;
    } else {
      return base::Invalid("'" + key + "' is unknown; there are by, reason and execution");
    }
  }
  if (approval.by.empty() || approval.reason.empty())
    return base::Invalid("say who approves and why: {\"by\":\"NAME\",\"reason\":\"REASON\"}");
  return approval;
}

}  // namespace

bool SameSecret(std::string_view secret, std::string_view offered) {
  unsigned different = secret.size() == offered.size() ? 0 : 1;
  for (std::size_t i = 0; i < offered.size(); ++i) {
    const char own = secret.empty() ? '\0' : secret[i % secret.size()];
    different |= static_cast<unsigned char>(own) ^ static_cast<unsigned char>(offered[i]);
  }
  return different == 0 && !secret.empty();
}

HttpResponse Api::Answer(const ApiRequest& request) const {
  const bool reading = request.method == "GET";
  if (request.target == "/healthz") {
    if (!reading) return WrongMethod("GET");
    const std::string sickness = backend_.Sickness();
    return sickness.empty() ? JsonOf(200, Json{{"status", "ok"}}) : Error(503, sickness);
  }
  if (request.target == "/metrics") {
    if (!reading) return WrongMethod("GET");
    return Text(200, "text/plain; version=0.0.4; charset=utf-8", MetricsText(backend_.All()));
  }
  if (!request.target.starts_with("/v1/")) {
    return Error(404, "there are /healthz, /metrics and /v1/applications");
  }
  const bool bearer = request.authorization.starts_with(kBearer);
  if (!bearer || !SameSecret(token_, request.authorization.substr(kBearer.size()))) {
    HttpResponse refused =
        Error(401, token_.empty() ? "this daemon was started without a token: --token-file FILE, "
                                    "or LEEWARD_API_TOKEN"
                                  : "a valid `Authorization: Bearer TOKEN` is needed");
    refused.headers.emplace_back("WWW-Authenticate", "Bearer");
    return refused;
  }
  if (request.body.size() > kMaxApiBody) return Error(413, "the body is too large");
  return Authorized(request);
}

HttpResponse Api::Authorized(const ApiRequest& request) const {
  std::string_view rest = request.target;
  if (!rest.starts_with(kApplications)) return Error(404, "there is only /v1/applications");
  rest.remove_prefix(kApplications.size());
  if (rest.empty()) {
    if (request.method != "GET") return WrongMethod("GET");
    Json names = Json::array();
    for (const Status& status : backend_.All()) names.push_back(status.application.str());
    return JsonOf(200, Json{{"applications", names}});
  }
  const std::size_t slash = rest.find('/', 1);
  if (rest.front() != '/' || slash == std::string_view::npos) {
    return Error(404, "the path is /v1/applications/NAME/VERB");
  }
  return OfApplication(request, std::string(rest.substr(1, slash - 1)), rest.substr(slash + 1));
}

HttpResponse Api::OfApplication(const ApiRequest& request, const std::string& application,
                                std::string_view verb) const {
  const base::Result<Status> status = backend_.StatusOf(application);
  if (!status.ok()) return OfError(status.error());
  if (verb == "status" || verb == "plan") {
    if (request.method != "GET") return WrongMethod("GET");
    if (verb == "status") return Text(200, "application/json", StatusJson(*status));
    const base::Result<std::string> plan = backend_.Plan(application);
    return plan.ok() ? Text(200, "application/json", *plan + "\n") : OfError(plan.error());
  }
  if (verb != "start" && verb != "abort" && verb != "approve") {
    return Error(404, "there are status, plan, start, abort and approve");
  }
  if (request.method != "POST") return WrongMethod("POST");
  if (verb == "start") return Start(application, request.body);
  if (verb == "approve") return Approve(application, request.body);
  const base::Status aborted = backend_.Abort(application);
  return aborted.ok() ? Accepted("abort") : OfError(aborted.error());
}

HttpResponse Api::Start(const std::string& application, std::string_view body) const {
  std::string action;
  const base::Result<Order> order = OrderFrom(body, &action);
  if (!order.ok()) return OfError(order.error());
  for (const char* other : {"protect", "switchover", "failback", "drill"}) {
    if (action != other) continue;
    return Error(501, "this cannot be started here; run `leeward " + action + "`");
  }
  if (action != "failover") return Error(400, "there is no action '" + action.substr(0, 40) + "'");
  const base::Status started = backend_.Start(application, *order);
  return started.ok() ? Accepted("failover") : OfError(started.error());
}

HttpResponse Api::Approve(const std::string& application, std::string_view body) const {
  const base::Result<Approval> approval = ApprovalFrom(body);
  if (!approval.ok()) return OfError(approval.error());
  const base::Result<decide::ApprovalRequest> given = backend_.Approve(application, *approval);
  if (!given.ok()) {
    // The application is there; it is nothing to approve that is not.
    const bool nothing = given.error().code() == base::ErrorCode::kNotFound;
    return nothing ? Error(409, given.error().message()) : OfError(given.error());
  }
  Json answer = Json::parse(decide::ToJson(*given));
  answer["lacking"] = decide::Lacking(*given);
  return JsonOf(200, answer);
}

}  // namespace leeward::serve
