#include "aws/credentials.h"

#include <fmt/format.h>

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

Found CredentialsProvider::Search() const {
  // A profile that was named outranks keys that happen to be in the environment.
  if (context_.settings->profile.empty()) {
    Found found = FromEnvironment(context_);
    if (!found.ok() || found->has_value()) return found;
  }
  ASSIGN_OR_RETURN(const Section section, ProfileSection(*context_.config, *context_.settings));
  Found found = FromProfile(context_, ProfileName(*context_.settings));
  if (!found.ok() || found->has_value()) return found;
  found = FromWebIdentity(context_, {});
  if (!found.ok() || found->has_value()) return found;
  found = FromContainer(context_);
  if (!found.ok() || found->has_value()) return found;
  return FromInstanceMetadata(context_);
}

base::Result<Credentials> CredentialsProvider::Get() {
  const std::lock_guard lock(mutex_);
  const ports::Clock& clock = *context_.ports->clock;
  const base::WallTime now = clock.Now();
  if (current_ && (!current_->expires || *current_->expires - now > kRefreshBefore))
    return *current_;
  const bool still_valid = current_ && *current_->expires > now;
  if (failure_ && clock.Monotonic() - failed_at_ < kKeepFailure) {
    if (still_valid) return *current_;
    return *failure_;
  }
  Found found = Search();
  if (found.ok() && found->has_value()) {
    current_ = **found;
    failure_.reset();
    return *current_;
  }
  failure_ = found.ok() ? NoCredentials(*context_.settings) : std::move(found).error();
  failed_at_ = clock.Monotonic();
  if (still_valid) return *current_;
  return *failure_;
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
