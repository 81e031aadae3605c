#include "lab/services/sts.h"

#include <fmt/format.h>

#include <optional>

#include "lab/core/credentials.h"

namespace leeward::lab {
namespace {

using shapes::Value;

constexpr std::int64_t kDefaultRoleSeconds = 3600;
constexpr std::int64_t kDefaultSessionSeconds = 43200;
constexpr std::int64_t kChainedSeconds = 3600;  // at most, of a role assumed by a role

struct Role {
  std::string account;
  std::string name;  // without its path
};

// "arn:aws:iam::123456789012:role/path/name".
std::optional<Role> ParseRole(std::string_view arn) {
  constexpr std::string_view kPrefix = "arn:aws:iam::";
  if (!arn.starts_with(kPrefix)) return std::nullopt;
  const std::string_view rest = arn.substr(kPrefix.size());
  const auto colon = rest.find(":role/");
  if (colon != 12) return std::nullopt;
  const std::string_view path = rest.substr(colon + 6);
  const std::string_view name =
      path.substr(path.rfind('/') == std::string_view::npos ? 0 : path.rfind('/') + 1);
  if (name.empty()) return std::nullopt;
  return Role{std::string(rest.substr(0, colon)), std::string(name)};
}

bool IsAssumedRole(std::string_view arn) {
  return arn.find(":assumed-role/") != std::string_view::npos;
}

class Sts : public Service {
 public:
  explicit Sts(Host& host) : host_(host) {}

  std::string_view name() const override { return "sts"; }
  std::vector<std::string_view> operations() const override {
    return {"AssumeRole", "GetCallerIdentity", "GetSessionToken"};
  }
  base::Status Start() override { return base::Ok(); }

  void Handle(const Call& call, Reply reply) override {
    const std::string_view operation = call.operation->name;
    if (operation == "GetCallerIdentity") return reply(GetCallerIdentity(call));
    if (operation == "AssumeRole") return reply(AssumeRole(call));
    reply(GetSessionToken(call));
  }

 private:
  Answer GetCallerIdentity(const Call& call) const {
    return Value::Struct(
        {{"UserId", call.caller_id}, {"Account", host_.account()}, {"Arn", call.caller_arn}});
  }

  // The lab has no IAM: every role of its account may be assumed by whoever holds its keys, and no
  // policy narrows what a session may do.
  Answer AssumeRole(const Call& call) {
    for (const char* member : {"Policy", "PolicyArns", "SerialNumber", "TokenCode",
                               "SourceIdentity", "Tags", "ProvidedContexts"}) {
      if (!call.input.Has(member)) continue;
      return ApiError{
          "ValidationError",
          fmt::format("{} is not served by this lab, which has no IAM; leave it out.", member),
          400,
          {}};
    }
    const std::string_view arn = call.input.String("RoleArn");
    const auto role = ParseRole(arn);
    if (!role) return ApiError{"ValidationError", fmt::format("{} is invalid", arn), 400, {}};
    if (role->account != host_.account()) {
      return ApiError{
          "AccessDenied",
          fmt::format("User: {} is not authorized to perform: sts:AssumeRole on resource: {}",
                      call.caller_arn, arn),
          403,
          {}};
    }
    const std::int64_t seconds = call.input.Int("DurationSeconds", kDefaultRoleSeconds);
    if (IsAssumedRole(call.caller_arn) && seconds > kChainedSeconds) {
      return ApiError{"ValidationError",
                      "The requested DurationSeconds exceeds the 1 hour session limit for roles "
                      "assumed by role chaining",
                      400,
                      {}};
    }
    const std::string_view session = call.input.String("RoleSessionName");
    const std::string id = fmt::format("{}:{}", Credentials::UniqueId("AROA", arn), session);
    const std::string assumed =
        fmt::format("arn:aws:sts::{}:assumed-role/{}/{}", role->account, role->name, session);
    return Value::Struct(
        {{"Credentials", Issue(assumed, id, seconds)},
         {"AssumedRoleUser", Value::Struct({{"AssumedRoleId", id}, {"Arn", assumed}})}});
  }

  Answer GetSessionToken(const Call& call) {
    if (IsAssumedRole(call.caller_arn)) {
      return ApiError{
          "AccessDenied", "Cannot call GetSessionToken with session credentials", 403, {}};
    }
    const std::int64_t seconds = call.input.Int("DurationSeconds", kDefaultSessionSeconds);
    return Value::Struct({{"Credentials", Issue(call.caller_arn, call.caller_id, seconds)}});
  }

  Value Issue(std::string_view arn, std::string_view user_id, std::int64_t seconds) {
    const base::WallTime expiry = host_.clock().Now() + std::chrono::seconds(seconds);
    const auto issued = host_.credentials().Issue(arn, user_id, expiry, host_.random());
    return Value::Struct({{"AccessKeyId", issued.access_key},
                          {"SecretAccessKey", issued.secret_key},
                          {"SessionToken", issued.token},
                          {"Expiration", issued.expiry}});
  }

  Host& host_;
};

}  // namespace

std::unique_ptr<Service> MakeSts(Host& host) { return std::make_unique<Sts>(host); }

}  // namespace leeward::lab
