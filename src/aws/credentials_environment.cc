#include <fmt/format.h>

#include "aws/credentials.h"

namespace leeward::aws {

Found FromEnvironment(const SourceContext& context) {
  const Environment& environment = context.settings->environment;
  Credentials out;
  out.access_key_id = Variable(environment, "AWS_ACCESS_KEY_ID");
  out.secret_access_key = Variable(environment, "AWS_SECRET_ACCESS_KEY");
  out.session_token = Variable(environment, "AWS_SESSION_TOKEN");
  if (out.access_key_id.empty() && out.secret_access_key.empty())
    return std::optional<Credentials>();
  if (out.access_key_id.empty() || out.secret_access_key.empty()) {
    return base::Denied(
        fmt::format("{} is set but {} is not",
                    out.access_key_id.empty() ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID",
                    out.access_key_id.empty() ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY"));
  }
  return std::optional(std::move(out));
}

}  // namespace leeward::aws
