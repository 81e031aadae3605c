// Denying and allowing the writes to a table by its resource policy.
//
// A policy takes effect some time after the call that puts it, so nothing is believed of it: writes
// of our own are tried until they are denied, or let through.
#include <nlohmann/json.hpp>

#include "steps/dynamodb.h"

namespace leeward::steps {
namespace {

using model::Dynamodb;
using Json = nlohmann::ordered_json;

constexpr char kReplicationRole[] =
    "arn:*:iam::*:role/aws-service-role/replication.dynamodb.amazonaws.com/*";
constexpr int kDenials = 3;  // in a row until a table is taken for closed

Result<Json> Parsed(const std::string& policy) {
  if (policy.empty()) return Json{{"Version", "2012-10-17"}, {"Statement", Json::array()}};
  Json json = Json::parse(policy, nullptr, false);
  if (!json.is_object()) return base::Corrupt("the table's resource policy is no JSON object");
  // One statement may stand by itself.
  if (json.contains("Statement") && json["Statement"].is_object())
    json["Statement"] = Json::array({json["Statement"]});
  if (!json.contains("Statement") || !json["Statement"].is_array())
    return base::Corrupt("the table's resource policy has no list of statements");
  return json;
}

bool IsFence(const Json& statement) {
  return statement.is_object() && statement.contains("Sid") && statement["Sid"] == kFenceSid;
}

Json WithoutStatement(Json json) {
  Json kept = Json::array();
  for (Json& statement : json["Statement"]) {
    if (!IsFence(statement)) kept.push_back(std::move(statement));
  }
  json["Statement"] = std::move(kept);
  return json;
}

Json Statement(const std::string& table_arn) {
  return {
      {"Sid", kFenceSid},
      {"Effect", "Deny"},
      {"Principal", "*"},
      {"Action",
       {"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem",
        "dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate", "dynamodb:PartiQLDelete"}},
      {"Resource", table_arn},
      // Without this, replication into the table would end too.
      {"Condition", {{"ArnNotLike", {{"aws:PrincipalArn", kReplicationRole}}}}}};
}

Result<std::string> ArnIn(const Work& work, const Dynamodb& dynamodb) {
  const std::string_view known = work.Fact(work.step().component, work.region(), "table.arn");
  if (!known.empty()) return std::string(known);
  ASSIGN_OR_RETURN(const Table table, NeedTable(work, work.region(), dynamodb.table));
  return table.arn;
}

Status PutPolicy(const Work& work, const std::string& arn, const Policy& before,
                 const std::string& text, base::Duration limit) {
  Value input = Value::Struct({{"ResourceArn", arn}});
  if (!before.revision.empty()) input.Set("ExpectedRevisionId", before.revision);
  if (text.empty()) {
    const auto removed =
        work.CallFor(limit, work.region(), "dynamodb", "DeleteResourcePolicy", input);
    return removed.ok() ? base::Ok() : Status(removed.error());
  }
  input.Set("Policy", text);
  if (before.revision.empty()) input.Set("ExpectedRevisionId", "NO_POLICY");
  const auto put = work.CallFor(limit, work.region(), "dynamodb", "PutResourcePolicy", input);
  return put.ok() ? base::Ok() : Status(put.error());
}

bool IsDenial(const base::Error& error) {
  return error.code() == base::ErrorCode::kDenied &&
         error.service_code() == "AccessDeniedException";
}

// Writes until it is denied, again and again. Each write carries a later stamp, so that the last
// one that was let through tells in the other Region when all before it has arrived.
Status AwaitDenied(const Work& work, const ItemTable& table, const std::string& what) {
  int denials = 0;
  const auto closed =
      work.Await<bool>("writes to " + Place(table.name, work.region()) + " to be denied",
                       work.SqlPace(), [&]() -> Result<std::optional<bool>> {
                         const Status tried = PutStamp(table, what, work.tools().clock.Now());
                         if (!tried.ok() && !IsDenial(tried.error())) return tried.error();
                         denials = tried.ok() ? 0 : denials + 1;
                         if (denials >= kDenials) return std::optional<bool>(true);
                         return std::optional<bool>();
                       });
  return closed.ok() ? base::Ok() : Status(closed.error());
}

std::string MarkerOf(const Work& work) { return "fence:" + work.region().str(); }

// The stamp of the last write that was let through; nothing is behind it.
Result<base::WallTime> Close(const Work& work, const Dynamodb& dynamodb, const ItemTable& table,
                             base::Duration limit) {
  ASSIGN_OR_RETURN(const std::string arn, ArnIn(work, dynamodb));
  ASSIGN_OR_RETURN(const Policy before, ReadPolicy(work, work.region(), arn, limit));
  if (!HasFence(before.text)) {
    ASSIGN_OR_RETURN(const std::string fenced, WithFence(before.text, arn));
    // Where the policy is obeyed at once, this is the marker that all the application wrote is
    // with.
    const Status marked = PutStamp(table, MarkerOf(work), work.tools().clock.Now());
    if (!marked.ok() && !IsDenial(marked.error())) return marked.error();
    RETURN_IF_ERROR(PutPolicy(work, arn, before, fenced, limit));
  }
  RETURN_IF_ERROR(AwaitDenied(work, table, MarkerOf(work)));
  ASSIGN_OR_RETURN(const std::optional<base::WallTime> last, GetStamp(table, MarkerOf(work)));
  // Denied from before the first try: nothing of this run's is in front of it.
  return last.value_or(base::WallTime{});
}

StepOutcome Closed(base::WallTime last) {
  return {last == base::WallTime{} ? std::string("writes are denied, and were when this began")
                                   : "writes are denied; the last one of ours let through was at " +
                                         base::FormatIso8601(last),
          {{"proof", "closed"}, {"final_ns", std::to_string(last.since_epoch.count())}}};
}

}  // namespace

Result<std::string> WithFence(const std::string& policy, const std::string& table_arn) {
  ASSIGN_OR_RETURN(Json json, Parsed(policy));
  json = WithoutStatement(std::move(json));
  json["Statement"].push_back(Statement(table_arn));
  return json.dump();
}

Result<std::string> WithoutFence(const std::string& policy) {
  ASSIGN_OR_RETURN(Json json, Parsed(policy));
  json = WithoutStatement(std::move(json));
  if (json["Statement"].empty()) return std::string();
  return HasFence(policy) ? json.dump() : policy;
}

bool HasFence(const std::string& policy) {
  const Result<Json> json = Parsed(policy);
  if (!json.ok()) return false;
  for (const Json& statement : (*json)["Statement"]) {
    if (IsFence(statement)) return true;
  }
  return false;
}

Result<Policy> ReadPolicy(const Work& work, const Region& region, const std::string& arn,
                          base::Duration limit) {
  const auto answer = work.CallFor(limit, region, "dynamodb", "GetResourcePolicy",
                                   Value::Struct({{"ResourceArn", arn}}));
  if (!answer.ok() && answer.error().service_code() == "PolicyNotFoundException") return Policy{};
  if (!answer.ok()) return answer.error();
  return Policy{std::string(answer->String("Policy")), std::string(answer->String("RevisionId"))};
}

// What does not succeed is no failure: the gate judges it.
Result<StepOutcome> DynamodbFence(const Work& work) {
  ASSIGN_OR_RETURN(const Dynamodb* dynamodb, work.Component<Dynamodb>());
  const std::string place = Place(dynamodb->table, work.region());
  const auto key = KeyOf(work.context().inventory, work.step().component, work.region());
  // Only from the inventory: nothing may wait for the old Region's control plane.
  if (!key || work.Fact(work.step().component, work.region(), "table.arn").empty()) {
    return StepOutcome{place + " is not in the inventory; nothing was denied",
                       {{"proof", "unreachable"}}};
  }
  const base::Duration limit = work.limits().old_region;
  const Result<base::WallTime> closed =
      Close(work, *dynamodb, TableWith(work, dynamodb->table, *key, work.region(), limit), limit);
  if (closed.ok()) return Closed(*closed);
  if (closed.error().code() == base::ErrorCode::kCancelled) return closed.error();
  return StepOutcome{place + " could not be closed: " + closed.error().message(),
                     {{"proof", "unreachable"}}};
}

Result<StepOutcome> DynamodbQuiesce(const Work& work) {
  ASSIGN_OR_RETURN(const Dynamodb* dynamodb, work.Component<Dynamodb>());
  ASSIGN_OR_RETURN(const ItemTable table,
                   TableIn(work, *dynamodb, work.region(), work.limits().call));
  // A fence of a run that was cut off has its marker from before it was obeyed, and what the
  // application wrote until then is behind that. Only a write of ours that is let through and then
  // denied shows where the end is, and nothing serves elsewhere yet.
  ASSIGN_OR_RETURN(const std::string arn, ArnIn(work, *dynamodb));
  ASSIGN_OR_RETURN(const Policy before, ReadPolicy(work, work.region(), arn, work.limits().call));
  if (HasFence(before.text)) RETURN_IF_ERROR(OpenTable(work, *dynamodb));
  ASSIGN_OR_RETURN(const base::WallTime last, Close(work, *dynamodb, table, work.limits().call));
  return Closed(last);
}

Status OpenTable(const Work& work, const Dynamodb& dynamodb) {
  ASSIGN_OR_RETURN(const std::string arn, ArnIn(work, dynamodb));
  ASSIGN_OR_RETURN(const Policy before, ReadPolicy(work, work.region(), arn, work.limits().call));
  if (HasFence(before.text)) {
    ASSIGN_OR_RETURN(const std::string plain, WithoutFence(before.text));
    RETURN_IF_ERROR(PutPolicy(work, arn, before, plain, work.limits().call));
  }
  ASSIGN_OR_RETURN(const ItemTable table,
                   TableIn(work, dynamodb, work.region(), work.limits().call));
  const auto open = work.Await<bool>(Place(dynamodb.table, work.region()) + " to take writes",
                                     work.SqlPace(), [&]() -> Result<std::optional<bool>> {
                                       const Status tried =
                                           ProbeWrite(table, "probe:" + work.region().str(),
                                                      work.tools().clock.Now());
                                       if (tried.ok()) return std::optional<bool>(true);
                                       // The taking away of a policy has to arrive as well. One of
                                       // another's making stays.
                                       if (IsDenial(tried.error()) && HasFence(before.text))
                                         return std::optional<bool>();
                                       return tried.error();
                                     });
  return open.ok() ? base::Ok() : Status(open.error());
}

Result<StepOutcome> DynamodbOpen(const Work& work) {
  ASSIGN_OR_RETURN(const Dynamodb* dynamodb, work.Component<Dynamodb>());
  RETURN_IF_ERROR(OpenTable(work, *dynamodb));
  return StepOutcome{"open; a write on a condition was made", {}};
}

Result<StepOutcome> DynamodbRelease(const Work& work) {
  ASSIGN_OR_RETURN(const Dynamodb* dynamodb, work.Component<Dynamodb>());
  RETURN_IF_ERROR(OpenTable(work, *dynamodb));
  return StepOutcome{"its fence is away: it can take over without a change of its policy", {}};
}

}  // namespace leeward::steps
