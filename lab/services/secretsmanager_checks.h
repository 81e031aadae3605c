// What Secrets Manager refuses in a request, apart from what its model already says; the errors it
// answers; and which secrets a filter lets through. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lab/core/service.h"
#include "lab/services/secretsmanager_secret.h"

namespace leeward::lab::secretsmanager {

using Problem = std::optional<ApiError>;

ApiError InvalidParameter(std::string message);
ApiError InvalidRequest(std::string message);
ApiError NotFound();
ApiError NotFoundFor(std::string_view what);
ApiError MarkedForDeletion();
ApiError NotOnReplica();
ApiError TokenInUse(std::string_view token, std::string_view arn);

Problem CheckName(std::string_view name);
Problem CheckTags(const shapes::Value::List& tags);
// Names, counts and repetitions of a version's labels.
Problem CheckStages(const shapes::Value::List& stages);
// One value at most, and a token with it.
Problem CheckContent(const shapes::Value& input);
// SecretString or SecretBinary of a request, as a structure; absent when it has neither.
shapes::Value ContentOf(const shapes::Value& input);

struct DeletionAsked {
  bool at_once = false;
  base::Duration window{0};
};
std::variant<DeletionAsked, ApiError> ReadDeletion(const shapes::Value& input);

// Whether the secret passes all filters.
bool Passes(const Secret& secret, const shapes::Value::List& filters, std::string_view region);

}  // namespace leeward::lab::secretsmanager
