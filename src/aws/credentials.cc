#include "aws/credentials.h"

#include <fmt/format.h>

#include <algorithm>

namespace leeward::aws {
namespace {

using namespace std::chrono_literals;

// Credentials are renewed this long before they expire; a failure to do so is no error while they
// hold.
constexpr base::Duration kRefreshBefore = 5min;
// A search that found nothing is not repeated for each call.
constexpr base::Duration kKeepFailure = 5s;

base::Error NoCredentials(const Settings& settings) {
  return base::Denied(
      fmt::format("no AWS credentials: looked in the environment, profile '{}', the container "
                  "endpoint and instance "
                  "metadata; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
                  ProfileName(settings)));
}

}  // namespace

Found CredentialsProvider::Search(const SourceContext& context) const {
  // A profile that was named outranks keys that happen to be in the environment.
  if (context.settings->profile.empty()) {
    Found found = FromEnvironment(context);
    if (!found.ok() || found->has_value()) return found;
  }
  ASSIGN_OR_RETURN(const Section section, ProfileSection(*context.config, *context.settings));
  Found found = FromProfile(context, ProfileName(*context.settings));
  if (!found.ok() || found->has_value()) return found;
  found = FromWebIdentity(context, {});
  if (!found.ok() || found->has_value()) return found;
  found = FromContainer(context);
  if (!found.ok() || found->has_value()) return found;
  return FromInstanceMetadata(context);
}

CredentialsProvider::Age CredentialsProvider::AgeOfCurrent() const {
  if (!current_) return Age::kNone;
  if (!current_->expires) return Age::kFresh;
  const base::Duration left = *current_->expires - context_.ports->clock->Now();
  if (left <= base::Duration::zero()) return Age::kNone;
  return left > kRefreshBefore ? Age::kFresh : Age::kFading;
}

std::optional<base::Result<Credentials>> CredentialsProvider::AtHand(
    const std::string& region) const {
  const Age age = AgeOfCurrent();
  if (age == Age::kFresh) return base::Result<Credentials>(*current_);
  const bool just_failed = failure_ && failed_region_ == region &&
                           context_.ports->clock->Monotonic() - failed_at_ < kKeepFailure;
  if (!just_failed) return std::nullopt;
  if (age == Age::kFading) return base::Result<Credentials>(*current_);
  return base::Result<Credentials>(*failure_);
}

base::Result<Credentials> CredentialsProvider::Get(const std::string& region,
                                                   std::optional<base::MonotonicTime> until) {
  std::unique_lock refresh(refresh_mutex_, std::defer_lock);
  {
    const std::lock_guard state(state_mutex_);
    if (std::optional<base::Result<Credentials>> ready = AtHand(region)) return *std::move(ready);
    // Somebody else is refreshing, and what there is still holds.
    if (AgeOfCurrent() == Age::kFading && !refresh.try_lock()) return *current_;
  }
  if (!refresh.owns_lock()) refresh.lock();
  return Refresh(region, until);
}

base::Result<Credentials> CredentialsProvider::Refresh(const std::string& region,
                                                       std::optional<base::MonotonicTime> until) {
  {
    const std::lock_guard state(state_mutex_);
    if (std::optional<base::Result<Credentials>> ready = AtHand(region)) return *std::move(ready);
  }
  SourceContext context = context_;
  if (!region.empty()) context.region = region;
  context.until = until;
  Found found = Search(context);
  const std::lock_guard state(state_mutex_);
  if (found.ok() && found->has_value()) {
    current_ = **found;
    failure_.reset();
    return *current_;
  }
  failure_ = found.ok() ? NoCredentials(*context_.settings) : std::move(found).error();
  failed_region_ = region;
  failed_at_ = context_.ports->clock->Monotonic();
  if (AgeOfCurrent() == Age::kFading) return *current_;
  return *failure_;
}

base::Result<ports::HttpLimits> WithinTime(const SourceContext& context, ports::HttpLimits limits) {
  if (!context.until) return limits;
  const base::Duration left = *context.until - context.ports->clock->Monotonic();
  if (left <= base::Duration::zero()) return base::Unreachable("no time left to fetch credentials");
  limits.total = std::min(limits.total, left);
  limits.connect = std::min(limits.connect, left);
  return limits;
}

base::Result<Credentials> CredentialsFromJson(const std::string& json, std::string_view source) {
  const base::Result<shapes::Value> parsed = shapes::FromJson(json);
  if (!parsed.ok()) return base::Denied(fmt::format("{} did not answer with JSON", source));
  Credentials out;
  out.access_key_id = parsed->String("AccessKeyId");
  out.secret_access_key = parsed->String("SecretAccessKey");
  out.session_token = parsed->String("Token", parsed->String("SessionToken"));
  if (out.access_key_id.empty() || out.secret_access_key.empty()) {
    return base::Denied(fmt::format("{} answered without keys", source));
  }
  const std::string_view expires = parsed->String("Expiration");
  if (!expires.empty()) {
    ASSIGN_OR_RETURN(out.expires, base::ParseIso8601(expires));
  }
  return out;
}

}  // namespace leeward::aws
