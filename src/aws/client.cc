#include "aws/client.h"

#include <fmt/format.h>

#include <algorithm>

#include "aws/client_impl.h"
#include "aws/client_internal.h"
#include "aws/errors.h"

namespace leeward::aws {
namespace {

using shapes::Model;
using shapes::Operation;
using shapes::Value;

constexpr int kMostAttempts = 10;

std::string RegionOf(const Settings& settings, const Section& profile) {
  if (!settings.region.empty()) return settings.region;
  for (const char* name : {"AWS_REGION", "AWS_DEFAULT_REGION"}) {
    std::string value = Variable(settings.environment, name);
    if (!value.empty()) return value;
  }
  return SettingOf(profile, "region");
}

base::Result<const Model*> FindService(std::string_view service) {
  const Model* model = shapes::FindModel(service);
  if (model == nullptr)
    return base::Invalid(fmt::format("'{}' is not a service this build knows", service));
  return model;
}

base::Result<const Operation*> FindOperation(const Model& model, std::string_view name) {
  const Operation* operation = model.FindOperation(name);
  if (operation != nullptr) return operation;
  return base::Invalid(fmt::format("{} {}: not among the operations of aws_models/{}",
                                   model.service, name, model.service));
}

// Route 53 answers ids as "/hostedzone/Z1" and takes them as "Z1".
Value WithBareIds(const Model& model, const Operation& operation, Value input) {
  if (model.service != "route53" || operation.input == nullptr) return input;
  for (const shapes::Member& member : operation.input->members) {
    const Value* id = input.Find(member.name);
    if (member.location != shapes::Location::kUri || id == nullptr || !id->is_string()) continue;
    const std::string text = id->str();
    input.Set(member.name, text.substr(text.rfind('/') + 1));
  }
  return input;
}

}  // namespace

base::Result<std::unique_ptr<Client>> Client::Create(const Ports& ports, Settings settings) {
  CHECK(ports.transport != nullptr && ports.clock != nullptr && ports.random != nullptr &&
        ports.files != nullptr);
  CHECK(ports.pause != nullptr);
  ASSIGN_OR_RETURN(SharedConfig config, LoadSharedConfig(*ports.files, settings.environment));
  ASSIGN_OR_RETURN(Section profile, ProfileSection(config, settings));
  return std::unique_ptr<Client>(std::make_unique<ClientImpl>(
      ports, std::move(settings), std::move(config), std::move(profile)));
}

ClientImpl::ClientImpl(const Ports& ports, Settings settings, SharedConfig config, Section profile)
    : ports_(ports),
      settings_(std::move(settings)),
      config_(std::move(config)),
      profile_(std::move(profile)),
      region_(RegionOf(settings_, profile_)),
      credentials_(
          {.ports = &ports_, .settings = &settings_, .config = &config_, .region = region_}) {}

base::Result<Endpoint> ClientImpl::Resolve(const Model& model, const Operation* operation,
                                           const CallOptions& options) const {
  std::string url = options.endpoint_url.value_or("");
  if (url.empty()) url = settings_.endpoint_url.value_or("");
  if (url.empty())
    url =
        ConfiguredEndpoint(settings_.environment, config_, profile_, ServiceVariableSuffix(model));
  return ResolveEndpoint(model, operation, options.region.empty() ? region_ : options.region, url);
}

base::Result<ClientImpl::Prepared> ClientImpl::Prepare(std::string_view service,
                                                       std::string_view operation,
                                                       const Value& input,
                                                       const CallOptions& options) {
  Prepared out;
  ASSIGN_OR_RETURN(out.model, FindService(service));
  ASSIGN_OR_RETURN(out.operation, FindOperation(*out.model, operation));
  if (options.max_attempts < 1 || options.max_attempts > kMostAttempts) {
    return base::Invalid(
        fmt::format("max_attempts is {}; it can be 1 to {}", options.max_attempts, kMostAttempts));
  }
  Value whole = WithBareIds(*out.model, *out.operation, input);
  {
    const std::lock_guard lock(random_mutex_);
    whole = WithIdempotencyTokens(*out.operation, std::move(whole), *ports_.random);
  }
  base::Status fits = CheckInput(*out.operation, whole);
  if (!fits.ok()) return std::move(fits).error().Context(service);
  ASSIGN_OR_RETURN(out.endpoint, Resolve(*out.model, out.operation, options));
  base::Result<WireRequest> wire = EncodeRequest(*out.model, *out.operation, whole);
  if (!wire.ok()) return std::move(wire).error().Context(fmt::format("{} {}", service, operation));
  out.wire = std::move(wire).value();
  out.secrets = SecretsIn(*out.operation, whole);
  const std::string& region = options.region.empty() ? region_ : options.region;
  out.what = fmt::format("{} {} in {}", service, operation,
                         region.empty() ? out.endpoint.signing_region : region);
  return out;
}

base::Result<std::optional<Credentials>> ClientImpl::Signer(const Prepared& prepared,
                                                            base::MonotonicTime until) {
  if (prepared.operation->unsigned_request) return std::optional<Credentials>();
  ASSIGN_OR_RETURN(Credentials credentials,
                   credentials_.Get(prepared.endpoint.signing_region, until));
  return std::optional(std::move(credentials));
}

base::Result<Outcome> ClientImpl::TryOnce(const Prepared& prepared, const CallOptions& options,
                                          base::MonotonicTime until) {
  ASSIGN_OR_RETURN(const std::optional<Credentials> signer, Signer(prepared, until));
  const base::Duration left = until - ports_.clock->Monotonic();
  if (left <= base::Duration::zero()) return base::Unreachable("no time left to try");
  Attempt attempt;
  attempt.model = prepared.model;
  attempt.operation = prepared.operation;
  attempt.wire = &prepared.wire;
  attempt.secrets = prepared.secrets;
  attempt.endpoint = prepared.endpoint;
  attempt.credentials = signer ? &*signer : nullptr;
  attempt.now = ports_.clock->Now();
  attempt.limits.total = std::min(options.attempt_timeout, left);
  attempt.limits.connect = std::min(options.connect_timeout, left);
  attempt.limits.source_address = options.source_address;
  return Exchange(attempt, *ports_.transport);
}

base::Duration ClientImpl::NextBackoff(int retry, RetryReason reason) {
  const std::lock_guard lock(random_mutex_);
  return Backoff(retry, reason, *ports_.random);
}

namespace {

// Why another attempt may help; none when it cannot.
std::optional<RetryReason> ReasonToRetry(const base::Result<Outcome>& outcome) {
  if (!outcome.ok()) {
    const bool no_answer = outcome.error().code() == base::ErrorCode::kUnreachable;
    return no_answer ? std::optional(RetryReason::kNoAnswer) : std::nullopt;
  }
  const auto* error = std::get_if<ServiceError>(&*outcome);
  if (error == nullptr || !IsTransient(*error)) return std::nullopt;
  return ClassOf(*error) == base::ErrorCode::kThrottled ? RetryReason::kThrottle
                                                        : RetryReason::kTransient;
}

base::Result<Value> Conclude(base::Result<Outcome> outcome, const std::string& what, int attempts) {
  const std::string context =
      attempts == 1 ? what : fmt::format("{} ({} attempts)", what, attempts);
  if (!outcome.ok()) return std::move(outcome).error().Context(context);
  if (const auto* error = std::get_if<ServiceError>(&*outcome)) return ToError(*error, context);
  return std::get<Value>(std::move(*outcome));
}

}  // namespace

base::Result<Value> ClientImpl::TryUntil(const Prepared& prepared, const CallOptions& options) {
  const base::MonotonicTime until = ports_.clock->Monotonic() + options.deadline;
  const std::string& endpoint = prepared.endpoint.url;
  int acquired = 0;
  for (int attempt = 1;; ++attempt) {
    base::Result<Outcome> outcome = TryOnce(prepared, options, until);
    const std::optional<RetryReason> reason = ReasonToRetry(outcome);
    if (!reason) {
      if (outcome.ok()) tokens_.Succeeded(endpoint, acquired);
      return Conclude(std::move(outcome), prepared.what, attempt);
    }
    if (attempt >= options.max_attempts)
      return Conclude(std::move(outcome), prepared.what, attempt);
    const base::Duration wait = NextBackoff(attempt, *reason);
    acquired = tokens_.Acquire(endpoint, *reason);
    const bool in_time = ports_.clock->Monotonic() + wait < until;
    if (acquired == 0 || !in_time) return Conclude(std::move(outcome), prepared.what, attempt);
    if (!ports_.pause(wait))
      return base::Cancelled(fmt::format("{}: stopped while waiting to retry", prepared.what));
  }
}

base::Result<Value> ClientImpl::Call(std::string_view service, std::string_view operation,
                                     const Value& input, const CallOptions& options) {
  ASSIGN_OR_RETURN(const Prepared prepared, Prepare(service, operation, input, options));
  return TryUntil(prepared, options);
}

base::Result<std::string> ClientImpl::Presign(std::string_view service, std::string_view operation,
                                              const Value& input, const CallOptions& options,
                                              base::Duration valid_for) {
  ASSIGN_OR_RETURN(const Prepared prepared, Prepare(service, operation, input, options));
  const base::MonotonicTime until = ports_.clock->Monotonic() + options.deadline;
  ASSIGN_OR_RETURN(const Credentials signer,
                   credentials_.Get(prepared.endpoint.signing_region, until));
  Attempt attempt;
  attempt.model = prepared.model;
  attempt.operation = prepared.operation;
  attempt.wire = &prepared.wire;
  attempt.endpoint = prepared.endpoint;
  attempt.credentials = &signer;
  attempt.now = ports_.clock->Now();
  attempt.also = options.also;
  return BuildPresigned(attempt, valid_for);
}

base::Result<std::string> ClientImpl::EndpointFor(std::string_view service,
                                                  const CallOptions& options) const {
  ASSIGN_OR_RETURN(const Model* model, FindService(service));
  ASSIGN_OR_RETURN(const Endpoint endpoint, Resolve(*model, nullptr, options));
  return endpoint.url;
}

base::Status ClientImpl::CheckCredentials() {
  const base::Result<Credentials> found = credentials_.Get(region_, std::nullopt);
  if (!found.ok()) return found.error();
  return base::Ok();
}

}  // namespace leeward::aws
