#include <fmt/format.h>

#include <utility>

#include "lab/tables/handlers.h"
#include "lab/tables/policy.h"
#include "lab/tables/resources.h"

namespace leeward::lab::tables {
namespace {

using shapes::Value;

constexpr std::string_view kNoPolicy = "NO_POLICY";

// A policy of a table, or of one of its streams.
struct PolicyPlace {
  Table* table = nullptr;
  std::string* text = nullptr;
  std::string* revision = nullptr;
};

Outcome<PolicyPlace> PlaceOf(const Core& core, std::string_view arn) {
  const std::size_t stream = arn.find("/stream/");
  ASSIGN_OR_RETURN(Table* const table, TableOfArn(core, arn.substr(0, stream)));
  if (stream == std::string_view::npos) {
    return PolicyPlace{table, &table->policy, &table->policy_revision};
  }
  return PolicyPlace{table, &table->stream_policy, &table->stream_policy_revision};
}

ApiError PolicyNotFound(std::string_view arn) {
  return {"PolicyNotFoundException",
          fmt::format("Resource-based policy not found for the provided ResourceArn: {}", arn),
          400,
          {}};
}

Verdict CheckRevision(const Json& body, const PolicyPlace& place, std::string_view arn) {
  const Json* expected = Find(body, "ExpectedRevisionId");
  if (expected == nullptr) return {};
  const std::string_view wanted = TextOf(*expected);
  const bool none = place.text->empty();
  if (none ? wanted == kNoPolicy : wanted == *place.revision) return {};
  return ApiError{"PolicyNotFoundException",
                  fmt::format("The ExpectedRevisionId {} does not match the current revision of "
                              "the policy of {}",
                              wanted, arn),
                  400,
                  {}};
}

Outcome<std::string> PutPolicy(const Request& request) {
  const Json& body = request.body;
  const std::string_view arn = Text(body, "ResourceArn");
  const std::string_view text = Text(body, "Policy");
  ASSIGN_OR_RETURN(const PolicyPlace place, PlaceOf(request.core, arn));
  RETURN_IF_ERROR(CheckPolicyText(text));
  RETURN_IF_ERROR(CheckRevision(body, place, arn));
  const bool confirmed = FlagOf(body, "ConfirmRemoveSelfResourceAccess") == Flag::kOn;
  if (!confirmed &&
      PolicyDenies(request.core, *place.table, text, "PutResourcePolicy", request.caller)) {
    return ValidationError(
        "The policy would not let you change it in the future; set "
        "ConfirmRemoveSelfResourceAccess to confirm that");
  }
  // The same text again is the same revision.
  if (*place.text == text) return *place.revision;
  *place.text = text;
  *place.revision = fmt::format("{}", request.core.NowMicros());
  RETURN_IF_ERROR(Save(request.core, *place.table));
  return *place.revision;
}

Outcome<std::string> Remove(const Request& request) {
  const std::string_view arn = Text(request.body, "ResourceArn");
  ASSIGN_OR_RETURN(const PolicyPlace place, PlaceOf(request.core, arn));
  RETURN_IF_ERROR(CheckRevision(request.body, place, arn));
  std::string revision = std::exchange(*place.revision, "");
  place.text->clear();
  RETURN_IF_ERROR(Save(request.core, *place.table));
  return revision;
}

WireAnswer Revision(const Request& request, const Outcome<std::string>& revision) {
  if (!revision.ok()) return ErrorAnswer(revision.error());
  Value out = Value::Struct();
  if (!revision->empty()) out.Set("RevisionId", *revision);
  return Encoded(request, out);
}

}  // namespace

WireAnswer PutResourcePolicy(const Request& request) {
  return Revision(request, PutPolicy(request));
}
WireAnswer DeleteResourcePolicy(const Request& request) {
  return Revision(request, Remove(request));
}

WireAnswer GetResourcePolicy(const Request& request) {
  const std::string_view arn = Text(request.body, "ResourceArn");
  const auto place = PlaceOf(request.core, arn);
  if (!place.ok()) return ErrorAnswer(place.error());
  if (place->text->empty()) return ErrorAnswer(PolicyNotFound(arn));
  return Encoded(request,
                 Value::Struct({{"Policy", *place->text}, {"RevisionId", *place->revision}}));
}

}  // namespace leeward::lab::tables
