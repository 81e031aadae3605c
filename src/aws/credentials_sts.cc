// Temporary credentials from STS: for roles, and for web identity tokens.
#include <fmt/format.h>

#include "aws/credentials.h"
#include "aws/errors.h"
#include "aws/exchange.h"

namespace leeward::aws {
namespace {

using namespace std::chrono_literals;

constexpr base::Duration kConnect = 1s;
constexpr base::Duration kTotal = 3s;
constexpr std::uint64_t kMaxTokenBytes = 64u << 10;
constexpr const char* kDefaultRegion = "us-east-1";

base::Result<Credentials> ReadCredentials(const shapes::Value& answer) {
  const shapes::Value& found = answer.Sub("Credentials");
  Credentials out;
  out.access_key_id = found.String("AccessKeyId");
  out.secret_access_key = found.String("SecretAccessKey");
  out.session_token = found.String("SessionToken");
  const shapes::Value* expires = found.Find("Expiration");
  if (expires != nullptr && expires->is_time()) out.expires = expires->time();
  if (out.access_key_id.empty()) return base::Denied("STS answered without credentials");
  return out;
}

base::Result<Outcome> ExchangeInTime(const SourceContext& context, Attempt attempt) {
  attempt.limits.connect = kConnect;
  attempt.limits.total = kTotal;
  ASSIGN_OR_RETURN(attempt.limits, WithinTime(context, attempt.limits));
  return Exchange(attempt, *context.ports->transport);
}

}  // namespace

base::Result<Credentials> AssumeThroughSts(const SourceContext& context,
                                           const std::string& operation, const shapes::Value& input,
                                           const std::optional<Credentials>& signer) {
  const shapes::Model* model = shapes::FindModel("sts");
  CHECK(model != nullptr);
  Attempt attempt;
  attempt.model = model;
  attempt.operation = model->FindOperation(operation);
  CHECK(attempt.operation != nullptr);
  ASSIGN_OR_RETURN(const WireRequest wire, EncodeRequest(*model, *attempt.operation, input));
  attempt.wire = &wire;
  attempt.secrets = SecretsIn(*attempt.operation, input);
  ASSIGN_OR_RETURN(const Section profile, ProfileSection(*context.config, *context.settings));
  const std::string url = context.settings->endpoint_url.value_or(ConfiguredEndpoint(
      context.settings->environment, *context.config, profile, ServiceVariableSuffix(*model)));
  ASSIGN_OR_RETURN(attempt.endpoint,
                   ResolveEndpoint(*model, attempt.operation,
                                   context.region.empty() ? kDefaultRegion : context.region, url));
  attempt.credentials = signer ? &*signer : nullptr;
  attempt.now = context.ports->clock->Now();
  const std::string what = fmt::format("sts {}", operation);
  base::Result<Outcome> outcome = ExchangeInTime(context, attempt);
  // STS is one call away from everything else: a lost packet earns it a second try.
  if (!outcome.ok()) outcome = ExchangeInTime(context, attempt);
  if (!outcome.ok()) return std::move(outcome).error().Context(what);
  if (const auto* error = std::get_if<ServiceError>(&*outcome)) return ToError(*error, what);
  return ReadCredentials(std::get<shapes::Value>(*outcome));
}

Found FromWebIdentity(const SourceContext& context, const Section& section) {
  const Environment& environment = context.settings->environment;
  const auto setting = [&](const char* key, const char* variable) {
    return section.empty() ? Variable(environment, variable) : SettingOf(section, key);
  };
  const std::string file = setting("web_identity_token_file", "AWS_WEB_IDENTITY_TOKEN_FILE");
  const std::string role = setting("role_arn", "AWS_ROLE_ARN");
  if (file.empty()) return std::optional<Credentials>();
  if (role.empty())
    return base::Denied("a web identity token file is set, but no role (AWS_ROLE_ARN)");
  base::Result<std::string> token = context.ports->files->Read(file, kMaxTokenBytes);
  if (!token.ok())
    return base::Denied(fmt::format("web identity token: {}", token.error().message()));
  while (token->ends_with('\n')) token->pop_back();
  const std::string session = setting("role_session_name", "AWS_ROLE_SESSION_NAME");
  const shapes::Value input =
      shapes::Value::Struct({{"RoleArn", role},
                             {"RoleSessionName", session.empty() ? "leeward" : session},
                             {"WebIdentityToken", *token}});
  ASSIGN_OR_RETURN(Credentials credentials,
                   AssumeThroughSts(context, "AssumeRoleWithWebIdentity", input, std::nullopt));
  return std::optional(std::move(credentials));
}

}  // namespace leeward::aws
