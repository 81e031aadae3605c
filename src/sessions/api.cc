#include "sessions/api.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace leeward::sessions {
namespace {

using Json = nlohmann::ordered_json;
using ports::HttpResponse;

constexpr std::string_view kBearer = "Bearer ";

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

HttpResponse Error(int status, const std::string& what, const std::string& reason = "") {
  Json json{{"error", what}};
  if (!reason.empty()) json["reason"] = reason;
  HttpResponse response = JsonOf(status, json);
  if (status == 503) response.headers.emplace_back("Retry-After", "1");
  return response;
}

// The reasons that this API promises; other service codes are a store's own.
bool IsReason(std::string_view code) {
  constexpr std::array kReasons = {"unknown",  "expired",   "revoked", "malformed", "algorithm",
                                   "key",      "signature", "issuer",  "audience",  "not-yet",
                                   "conflict", "full",      "clock"};
  return std::find(kReasons.begin(), kReasons.end(), code) != kReasons.end();
}

int StatusFor(const base::Error& error) {
  const std::string& reason = error.service_code();
  if (reason == "expired" || reason == "revoked") return 410;
  if (reason == "malformed") return 400;
  if (reason == "full" || reason == "clock") return 503;
  switch (error.code()) {
    case base::ErrorCode::kInvalid:
      return 400;
    case base::ErrorCode::kNotFound:
      return 404;
    case base::ErrorCode::kExhausted:
      return 413;
    case base::ErrorCode::kWrongState:
    case base::ErrorCode::kAlready:
      return 409;
    case base::ErrorCode::kDenied:
      return IsReason(reason) ? 401 : 503;
    default:
      return 503;
  }
}

HttpResponse OfError(const base::Error& error) {
  return Error(StatusFor(error), error.message(),
               IsReason(error.service_code()) ? error.service_code() : "");
}

HttpResponse WrongMethod(const char* allowed) {
  HttpResponse response = Error(405, std::string("only ") + allowed);
  response.headers.emplace_back("Allow", allowed);
  return response;
}

HttpResponse NotAuthorized() {
  HttpResponse refused = Error(401, "a valid `Authorization: Bearer TOKEN` is needed");
  refused.headers.emplace_back("WWW-Authenticate", "Bearer");
  return refused;
}

bool IsAuthorized(const std::string& token, const ApiRequest& request) {
  return request.authorization.starts_with(kBearer) &&
         SameSecret(token, request.authorization.substr(kBearer.size()));
}

HttpResponse OfView(int status, const View& view) {
  Json json;
  if (!view.credential.empty()) json["session"] = view.credential;
  json["handle"] = view.handle.str();
  json["subject"] = view.subject;
  json["created"] = base::FormatIso8601(view.created);
  json["expires"] = base::FormatIso8601(view.expires);
  json["ends"] = base::FormatIso8601(view.ends);
  json["data"] = Json::object();
  for (const auto& [name, value] : view.data) json["data"][name] = value;
  return JsonOf(status, json);
}

HttpResponse OfResult(int status, const base::Result<View>& view) {
  return view.ok() ? OfView(status, *view) : OfError(view.error());
}

HttpResponse OfRevoked(const base::Result<Revoked>& revoked) {
  if (!revoked.ok()) return OfError(revoked.error());
  return JsonOf(200, Json{{"handle", revoked->handle.str()},
                          {"revoked", std::string(Name(revoked->reach))},
                          {"regions", revoked->regions}});
}

base::Result<Json> ObjectFrom(std::string_view body) {
  Json json = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return base::Invalid("the body is not one JSON object");
  return json;
}

base::Result<std::map<std::string, std::string>> TextsIn(const Json& json) {
  if (!json.is_object()) return base::Invalid("'data' is no object");
  std::map<std::string, std::string> texts;
  for (const auto& [name, value] : json.items()) {
    if (!value.is_string()) return base::Invalid("'" + name.substr(0, 64) + "' is no text");
    texts.emplace(name, value.get<std::string>());
  }
  return texts;
}

base::Result<NewSession> NewSessionFrom(std::string_view body) {
  ASSIGN_OR_RETURN(const Json json, ObjectFrom(body));
  NewSession wanted;
  for (const auto& [key, value] : json.items()) {
    if (key == "data") {
      ASSIGN_OR_RETURN(wanted.data, TextsIn(value));
      continue;
    }
    if (key != "subject" && key != "life")
      return base::Invalid("'" + key.substr(0, 64) + "' is unknown; there are subject, data, life");
    if (!value.is_string()) return base::Invalid("'" + key + "' is no text");
    if (key == "subject") wanted.subject = value.get<std::string>();
    if (key != "life") continue;
    ASSIGN_OR_RETURN(wanted.life, base::ParseDuration(value.get<std::string>()));
    if (*wanted.life < kLeastIdle) return base::Invalid("'life' is shorter than 1 s");
  }
  if (wanted.subject.empty())
    return base::Invalid("say whose session it is: {\"subject\":\"...\"}");
  return wanted;
}

base::Result<sessions::Change> ChangeFrom(std::string_view body) {
  ASSIGN_OR_RETURN(const Json json, ObjectFrom(body));
  sessions::Change change;
  for (const auto& [name, value] : json.items()) {
    if (value.is_null()) {
      change[name] = std::nullopt;
    } else if (value.is_string()) {
      change[name] = value.get<std::string>();
    } else {
      return base::Invalid("'" + name.substr(0, 64) + "' is neither a text nor null");
    }
  }
  if (change.empty()) return base::Invalid("say what to change, such as {\"cart\":\"7\"}");
  return change;
}

base::Result<std::string> TextOf(std::string_view body, const char* name) {
  ASSIGN_OR_RETURN(const Json json, ObjectFrom(body));
  if (json.size() != 1 || !json.contains(name) || !json[name].is_string())
    return base::Invalid(std::string("the body is one object with '") + name + "'");
  return json[name].get<std::string>();
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

HttpResponse Api::Answer(const ApiRequest& request, Operation* operation) const {
  *operation = Operation::kOther;
  const bool reading = request.method == "GET" || request.method == "HEAD";
  if (request.target == "/healthz") {
    if (!reading) return WrongMethod("GET");
    const std::string sickness = condition_.Sickness();
    return sickness.empty() ? JsonOf(200, Json{{"status", "ok"}}) : Error(503, sickness);
  }
  if (request.target == "/metrics") {
    if (!reading) return WrongMethod("GET");
    return Text(200, "text/plain; version=0.0.4; charset=utf-8", condition_.MetricsText());
  }
  if (request.target == "/.well-known/jwks.json") {
    if (!reading) return WrongMethod("GET");
    std::string jwks = sessions_.Jwks();
    if (jwks.empty()) return Error(404, "there are no keys: sessions are no tokens here");
    HttpResponse response = Text(200, "application/json", std::move(jwks) + "\n");
    // A key is published longer than that before it signs.
    response.headers.back().second = "public, max-age=60";
    return response;
  }
  if (!request.target.starts_with("/v1/")) {
    return Error(404,
                 "there are /v1/sessions, /v1/session, /v1/revocations, /v1/keys, /healthz, "
                 "/metrics and /.well-known/jwks.json");
  }
  if (!token_.empty() && !IsAuthorized(token_, request)) return NotAuthorized();
  if (request.body.size() > kMostApiBody) return Error(413, "the body is too large");
  return Authorized(request, operation);
}

HttpResponse Api::Authorized(const ApiRequest& request, Operation* operation) const {
  if (request.target == "/v1/sessions") {
    *operation = Operation::kCreate;
    return request.method == "POST" ? Create(request) : WrongMethod("POST");
  }
  if (request.target == "/v1/revocations") {
    *operation = Operation::kRevoke;
    return request.method == "POST" ? Revoke(request) : WrongMethod("POST");
  }
  if (request.target == "/v1/session" || request.target == "/v1/session/touch")
    return OfSession(request, operation);
  if (request.target == "/v1/keys/rotate" || request.target == "/v1/keys/withdraw")
    return request.method == "POST" ? Keys(request) : WrongMethod("POST");
  return Error(404,
               "there are /v1/sessions, /v1/session, /v1/session/touch, /v1/revocations, "
               "/v1/keys/rotate and /v1/keys/withdraw");
}

HttpResponse Api::OfSession(const ApiRequest& request, Operation* operation) const {
  const bool touch = request.target.ends_with("/touch");
  if (touch && request.method != "POST") return WrongMethod("POST");
  const bool known =
      touch || request.method == "GET" || request.method == "PATCH" || request.method == "DELETE";
  if (!known) return WrongMethod("GET, PATCH, DELETE");
  if (request.credential.empty())
    return Error(400, "name the session in the header `Leeward-Session`", "malformed");
  if (touch) {
    *operation = Operation::kTouch;
    return OfResult(200, sessions_.Touch(request.credential));
  }
  if (request.method == "GET") {
    *operation = Operation::kRead;
    return OfResult(200, sessions_.Read(request.credential));
  }
  if (request.method == "PATCH") {
    *operation = Operation::kChange;
    return Change(request);
  }
  *operation = Operation::kRevoke;
  return OfRevoked(sessions_.Revoke(request.credential));
}

HttpResponse Api::Create(const ApiRequest& request) const {
  const auto wanted = NewSessionFrom(request.body);
  if (!wanted.ok()) return OfError(wanted.error());
  return OfResult(201, sessions_.Create(*wanted));
}

HttpResponse Api::Change(const ApiRequest& request) const {
  const auto change = ChangeFrom(request.body);
  if (!change.ok()) return OfError(change.error());
  return OfResult(200, sessions_.ChangeData(request.credential, *change));
}

HttpResponse Api::Revoke(const ApiRequest& request) const {
  const auto handle = TextOf(request.body, "handle");
  if (!handle.ok()) return OfError(handle.error());
  if (!session::IsHandle(*handle)) return Error(400, "'handle' is none", "malformed");
  return OfRevoked(sessions_.RevokeHandle(session::Handle(*handle)));
}

HttpResponse Api::Keys(const ApiRequest& request) const {
  if (request.target == "/v1/keys/rotate") {
    const auto kid = sessions_.RotateKeys();
    return kid.ok() ? JsonOf(200, Json{{"kid", *kid}}) : OfError(kid.error());
  }
  const auto kid = TextOf(request.body, "kid");
  if (!kid.ok()) return OfError(kid.error());
  const base::Status withdrawn = sessions_.WithdrawKey(*kid);
  return withdrawn.ok() ? JsonOf(200, Json{{"withdrawn", *kid}}) : OfError(withdrawn.error());
}

HttpResponse PeerApi::Answer(const ApiRequest& request) const {
  if (!IsAuthorized(token_, request)) return NotAuthorized();
  if (request.target != kExchangePath) return Error(404, "there is only /v1/peer/exchange");
  if (request.method != "POST") return WrongMethod("POST");
  const auto message = PeerMessageFromJson(request.body, limits_);
  if (!message.ok()) return Error(400, message.error().message());
  const auto answer = backend_.Take(*message);
  if (!answer.ok()) return OfError(answer.error());
  return Text(200, "application/json", ToJson(*answer));
}

}  // namespace leeward::sessions
