#include "lab/control/api.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <optional>

#include "lab/control/gzip.h"
#include "lab/services/region_links.h"
#include "lab/wire/s3_body.h"
#include "lab/wire/validate.h"

namespace leeward::lab {
namespace {

using shapes::Value;

constexpr std::size_t kMaxUnpacked = 64 << 20;

// A failed signature as the service that is asked says it.
ApiError Unauthorized(const wire::AuthOutcome& outcome, const wire::Claim& claim,
                      const wire::Route& route) {
  return wire::IsForS3(claim) ? wire::S3AuthError(outcome)
                              : wire::AuthError(outcome, route.protocol);
}

std::string MakeRequestId(ports::Random& random) {
  return fmt::format("{}-{}-4{}-a{}-{}", random.Hex(8), random.Hex(4), random.Hex(3), random.Hex(3),
                     random.Hex(12));
}

}  // namespace

struct Api::Incoming {
  wire::Request request;
  wire::Claim claim;
  wire::AuthOutcome claim_outcome;
  wire::Route route;
  Call call;
};

wire::Request ToWire(const os::HttpServerRequest& request) {
  return {request.method, request.target, request.headers, request.body};
}

void Api::HandleInternal(const std::shared_ptr<os::HttpExchange>& exchange) {
  const os::HttpServerRequest& request = exchange->request();
  if (request.Header(kInternalHeader) != host_.config().internal_token)
    return exchange->Reply({403, {}, ""});
  const auto parts =
      wire::Split(std::string_view(request.target).substr(kInternalPath.size()), '/');
  Service* service = parts.size() == 2 ? host_.Find(parts[0]) : nullptr;
  const auto input = shapes::FromJson(request.body);
  if (service == nullptr || !input.ok()) return exchange->Reply({404, {}, ""});
  service->HandleInternal(parts[1], *input, [exchange](const Answer& answer) {
    exchange->Reply(
        {200, {{"Content-Type", "application/json"}}, shapes::ToJson(AnswerToValue(answer))});
  });
}

// As they came: the item store's process checks them itself.
void Api::HandOnItems(const std::shared_ptr<os::HttpExchange>& exchange) {
  const auto* service = FindSibling<ReadsItsOwn>(host_, "dynamodb");
  const std::string door = service == nullptr ? "" : service->Door();
  if (door.empty()) return ItemsDoor::Refuse(exchange);
  items_.HandOn(exchange, {"", 0, door});
}

std::optional<ApiError> Api::Authenticate(Incoming& incoming) {
  const wire::Route& route = incoming.route;
  const bool open = route.operation != nullptr && route.operation->unsigned_request;
  if (incoming.claim_outcome.problem == wire::AuthProblem::kMissing && open) {
    incoming.call.region = host_.region();
    return std::nullopt;
  }
  const wire::Claim& claim = incoming.claim;
  if (!incoming.claim_outcome.ok()) return Unauthorized(incoming.claim_outcome, claim, route);
  const base::WallTime now = host_.clock().Now();
  const auto found = host_.credentials().Find(claim.access_key, claim.token, now);
  if (const auto* problem = std::get_if<KeyProblem>(&found)) {
    using wire::AuthProblem;
    const AuthProblem kind = *problem == KeyProblem::kUnknownKey ? AuthProblem::kUnknownKey
                             : *problem == KeyProblem::kBadToken ? AuthProblem::kBadToken
                                                                 : AuthProblem::kExpiredToken;
    return Unauthorized({kind, ""}, claim, route);
  }
  const auto& identity = std::get<Identity>(found);
  const wire::AuthOutcome checked =
      wire::CheckSignature(incoming.request, claim, identity.secret_key, now);
  if (!checked.ok()) return Unauthorized(checked, claim, route);
  if (host_.region() != kGlobal && claim.region != host_.region()) {
    return Unauthorized(
        {wire::AuthProblem::kWrongScope,
         fmt::format("Credential should be scoped to a valid region, not '{}'.", claim.region)},
        claim, route);
  }
  if (wire::IsForS3(claim)) {
    if (auto error = wire::OpenS3Body(claim, identity.secret_key, &incoming.request)) return error;
  }
  incoming.call.region = claim.region;
  incoming.call.caller_arn = identity.arn;
  incoming.call.caller_id = identity.user_id;
  return std::nullopt;
}

std::optional<ApiError> Api::Prepare(Incoming& incoming, Service** service) {
  const wire::Route& route = incoming.route;
  const Service* asked = route.model == nullptr ? nullptr : host_.Find(route.model->service);
  const bool data = asked != nullptr && asked->IsData(route.operation_name);
  if (control_plane_ == ControlPlane::kDown && !data) {
    return ApiError{"ServiceUnavailable",
                    fmt::format("The control plane of {} is down", host_.region()),
                    503,
                    {}};
  }
  if (route.refusal) return route.refusal;
  *service = host_.Find(route.model->service);
  if (*service == nullptr) return wire::NotServed(*route.model, route.operation_name);
  const auto served = (*service)->operations();
  if (std::find(served.begin(), served.end(), route.operation_name) == served.end()) {
    return wire::NotServed(*route.model, route.operation_name);
  }
  auto input = wire::DecodeInput(route, incoming.request);
  if (!input.ok())
    return wire::UnreadableError(*route.model, route.protocol, input.error().message());
  if (auto refusal = wire::RefuseUnread(route)) return refusal;
  if (route.operation->input != nullptr) {
    const auto violations = wire::Validate(*route.operation->input, *input);
    if (!violations.empty()) return wire::ViolationError(*route.model, route.protocol, violations);
  }
  incoming.call.model = route.model;
  incoming.call.operation = route.operation;
  incoming.call.input = std::move(*input);
  return std::nullopt;
}

void Api::Handle(std::shared_ptr<os::HttpExchange> exchange) {
  if (exchange->request().target.starts_with(kInternalPath)) return HandleInternal(exchange);
  if (host_.region() != kGlobal && IsForItems(exchange->request())) return HandOnItems(exchange);
  auto incoming = std::make_shared<Incoming>();
  incoming->request = ToWire(exchange->request());
  incoming->claim_outcome = wire::ReadClaim(incoming->request, &incoming->claim);
  // The signature is over the bytes as sent; the parameters are in what they unpack to.
  wire::Request unpacked = incoming->request;
  // An object stays as it was packed.
  const bool packed =
      !wire::IsForS3(incoming->claim) && unpacked.Header("Content-Encoding") == "gzip";
  const auto body =
      packed ? Gunzip(unpacked.body, kMaxUnpacked) : base::Result<std::string>(unpacked.body);
  if (body.ok()) unpacked.body = *body;
  incoming->route = wire::FindRoute(unpacked, incoming->claim.service, shapes::AllModels());
  incoming->call.request_id = MakeRequestId(host_.random());
  Service* service = nullptr;
  auto error = Authenticate(*incoming);
  if (!error && !wire::IsForS3(incoming->claim)) {
    incoming->request = std::move(unpacked);
    if (!body.ok()) error = ApiError{"SerializationException", body.error().message(), 400, {}};
  }
  if (!error) error = Prepare(*incoming, &service);
  auto answer = [exchange, incoming](const Answer& given) {
    const wire::Route& route = incoming->route;
    if (const auto* failure = std::get_if<ApiError>(&given)) {
      return exchange->Reply(wire::EncodeError(route.protocol, route.model, route.operation,
                                               *failure, incoming->call.request_id));
    }
    auto response = wire::EncodeOutput(route.protocol, *route.model, *route.operation,
                                       std::get<Value>(given), incoming->call.request_id);
    if (response.status == 500) spdlog::error("{}: {}", route.operation_name, response.body);
    exchange->Reply(std::move(response));
  };
  if (error) return answer(*error);
  service->Handle(incoming->call, answer);
}

}  // namespace leeward::lab
