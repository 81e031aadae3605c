#include "lab/tables/policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "lab/tables/stream_places.h"

namespace leeward::lab::tables {
namespace {

using shapes::Value;

constexpr std::size_t kMaxPolicyBytes = std::size_t{20} << 10;

// '*' stands for any text, '?' for one character.
bool Matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t mark = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      mark = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++mark;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

// A string, or each of a list of strings.
template <typename Holds>
bool AnyOf(const Value* value, Holds holds) {
  if (value == nullptr) return false;
  if (value->is_string()) return holds(std::string_view(value->str()));
  if (!value->is_list()) return false;
  return std::any_of(value->list().begin(), value->list().end(), [&holds](const Value& each) {
    return each.is_string() && holds(std::string_view(each.str()));
  });
}

struct Question {
  std::string_view action;    // "dynamodb:PutItem"
  std::string_view resource;  // an ARN
  std::string_view arn;       // of the caller
  std::string_view account;
};

bool IsPrincipal(const Value* principal, const Question& question) {
  const auto names = [&question](std::string_view who) {
    return who == "*" || who == question.arn || who == question.account ||
           who == fmt::format("arn:aws:iam::{}:root", question.account);
  };
  if (principal == nullptr) return false;
  if (principal->is_members()) return AnyOf(principal->Find("AWS"), names);
  return AnyOf(principal, names);
}

bool IsAction(const Value* actions, const Question& question) {
  const std::string action = Lower(question.action);
  return AnyOf(actions,
               [&action](std::string_view pattern) { return Matches(Lower(pattern), action); });
}

bool IsResource(const Value* resources, const Question& question) {
  return AnyOf(resources, [&question](std::string_view pattern) {
    return Matches(pattern, question.resource);
  });
}

struct Operator {
  std::string_view name;
  bool negated;
  bool patterns;
};
constexpr std::array kOperators = {
    Operator{"StringEquals", false, false}, Operator{"StringNotEquals", true, false},
    Operator{"StringLike", false, true},    Operator{"StringNotLike", true, true},
    Operator{"ArnEquals", false, true},     Operator{"ArnNotEquals", true, true},
    Operator{"ArnLike", false, true},       Operator{"ArnNotLike", true, true},
};
const Operator* OperatorNamed(std::string_view name) {
  for (const Operator& each : kOperators) {
    if (each.name == name) return &each;
  }
  return nullptr;
}

std::optional<std::string_view> ContextOf(std::string_view key, const Question& question) {
  const std::string lower = Lower(key);
  if (lower == "aws:principalarn") return question.arn;
  if (lower == "aws:principalaccount") return question.account;
  return std::nullopt;
}

bool Applies(const Value& conditions, const Question& question) {
  if (!conditions.is_members()) return true;
  for (const auto& [name, tests] : conditions.members()) {
    const Operator* test = OperatorNamed(name);
    CHECK(test != nullptr);  // by CheckPolicyText
    for (const auto& [key, values] : tests.members()) {
      const std::string_view actual = *ContextOf(key, question);
      const bool any = AnyOf(&values, [&](std::string_view wanted) {
        return test->patterns ? Matches(wanted, actual) : wanted == actual;
      });
      if (any == test->negated) return false;
    }
  }
  return true;
}

bool Covers(const Value& statement, const Question& question) {
  const bool principal = statement.Has("NotPrincipal")
                             ? !IsPrincipal(statement.Find("NotPrincipal"), question)
                             : IsPrincipal(statement.Find("Principal"), question);
  const bool action = statement.Has("NotAction") ? !IsAction(statement.Find("NotAction"), question)
                                                 : IsAction(statement.Find("Action"), question);
  const bool resource = statement.Has("NotResource")
                            ? !IsResource(statement.Find("NotResource"), question)
                            : IsResource(statement.Find("Resource"), question);
  return principal && action && resource && Applies(statement.Sub("Condition"), question);
}

template <typename Each>
void ForStatements(const Value& policy, Each each) {
  const Value* statements = policy.Find("Statement");
  if (statements == nullptr) return;
  if (statements->is_members()) return each(*statements);
  if (!statements->is_list()) return;
  for (const Value& statement : statements->list()) each(statement);
}

bool Denies(std::string_view text, const Question& question) {
  const auto policy = shapes::FromJson(text);
  if (!policy.ok()) return false;
  bool denied = false;
  ForStatements(*policy, [&](const Value& statement) {
    denied = denied || (statement.String("Effect") == "Deny" && Covers(statement, question));
  });
  return denied;
}

// Conditions that the lab cannot judge must not look as if they were.
Verdict CheckConditions(const Value& statement) {
  const Value& conditions = statement.Sub("Condition");
  if (!conditions.is_members()) return {};
  for (const auto& [name, tests] : conditions.members()) {
    if (OperatorNamed(name) == nullptr || !tests.is_members()) {
      return ValidationError(fmt::format(
          "Invalid policy document: condition operator {} is not served by this lab", name));
    }
    for (const auto& [key, values] : tests.members()) {
      if (!ContextOf(key, {})) {
        return ValidationError(fmt::format(
            "Invalid policy document: condition key {} is not served by this lab", key));
      }
    }
  }
  return {};
}

Verdict CheckStatement(const Value& statement) {
  const std::string_view effect = statement.String("Effect");
  const bool whole = (effect == "Allow" || effect == "Deny") &&
                     (statement.Has("Principal") || statement.Has("NotPrincipal")) &&
                     (statement.Has("Action") || statement.Has("NotAction")) &&
                     (statement.Has("Resource") || statement.Has("NotResource"));
  if (!whole) {
    return ValidationError(
        "Invalid policy document: a statement needs Effect, Principal, Action and Resource");
  }
  return CheckConditions(statement);
}

Verdict Judge(const Core& core, std::string_view policy, std::string_view operation,
              std::string_view resource, const Caller& caller) {
  if (policy.empty()) return {};
  const std::string action = fmt::format("dynamodb:{}", operation);
  const std::string_view account =
      caller.account.empty() ? std::string_view(core.options.account) : caller.account;
  if (!Denies(policy, {action, resource, caller.arn, account})) return {};
  return AccessDenied(
      fmt::format("User: {} is not authorized to perform: {} on resource: {} with an explicit deny "
                  "in a resource-based policy",
                  caller.arn, action, resource));
}

bool AnyPolicy(const Core& core) {
  return std::any_of(core.tables.begin(), core.tables.end(), [](const auto& entry) {
    return !entry.second->policy.empty() || !entry.second->stream_policy.empty();
  });
}

class Authorizer {
 public:
  explicit Authorizer(const Request& request) : request_(request) {}

  Verdict Check() {
    const std::string_view operation = request_.operation.name;
    const Json& body = request_.body;
    if (const Json* items = Find(body, "RequestItems")) {
      for (const auto& entry : items->GetObject()) {
        RETURN_IF_ERROR(On(operation, TextOf(entry.name), ""));
      }
    }
    if (const Json* actions = Find(body, "TransactItems")) {
      for (const Json& action : actions->GetArray()) RETURN_IF_ERROR(OnActions(action));
    }
    RETURN_IF_ERROR(On(operation, Text(body, "ResourceArn"), ""));
    RETURN_IF_ERROR(On(operation, Text(body, "SourceTableName"), ""));
    RETURN_IF_ERROR(OnStream(operation, Text(body, "StreamArn")));
    if (const auto position = PositionFrom(Text(body, "ShardIterator"))) {
      RETURN_IF_ERROR(OnStream(operation, position->arn));
    }
    return On(operation, Text(body, "TableName"), Text(body, "IndexName"));
  }

 private:
  struct Kind {
    std::string_view member;
    std::string_view operation;
  };
  static constexpr std::array kKinds = {
      Kind{"Put", "PutItem"}, Kind{"Update", "UpdateItem"}, Kind{"Delete", "DeleteItem"},
      Kind{"ConditionCheck", "ConditionCheckItem"}, Kind{"Get", "GetItem"}};

  Verdict OnActions(const Json& action) {
    for (const Kind& kind : kKinds) {
      const Json* found = Find(action, kind.member);
      if (found == nullptr) continue;
      RETURN_IF_ERROR(On(kind.operation, Text(*found, "TableName"), ""));
    }
    return {};
  }

  Verdict On(std::string_view operation, std::string_view name_or_arn, std::string_view index) {
    if (name_or_arn.empty()) return {};
    const auto name = NameFrom(request_.core, name_or_arn);
    const Table* table = name.ok() ? request_.core.FindTable(*name) : nullptr;
    if (table == nullptr) return {};  // said by the operation itself
    std::string resource = TableArn(request_.core, table->name);
    if (!index.empty()) resource += fmt::format("/index/{}", index);
    return Judge(request_.core, table->policy, operation, resource, request_.caller);
  }

  Verdict OnStream(std::string_view operation, std::string_view arn) {
    if (arn.empty()) return {};
    const auto where = FindStream(request_.core, arn);
    if (!where.ok()) return {};
    return Judge(request_.core, where->table->stream_policy, operation, arn, request_.caller);
  }

  const Request& request_;
};

}  // namespace

Verdict CheckPolicyText(std::string_view text) {
  if (text.size() > kMaxPolicyBytes) {
    return ValidationError(fmt::format(
        "Resource policy document size exceeds the limit of {} bytes", kMaxPolicyBytes));
  }
  const auto policy = shapes::FromJson(text);
  if (!policy.ok() || !policy->is_members() || !policy->Has("Statement")) {
    return ValidationError("Invalid policy document: This policy contains invalid Json");
  }
  Verdict verdict;
  ForStatements(*policy, [&verdict](const Value& statement) {
    if (verdict.ok()) verdict = CheckStatement(statement);
  });
  return verdict;
}

bool PolicyDenies(const Core& core, const Table& table, std::string_view policy,
                  std::string_view operation, const Caller& caller) {
  const std::string action = fmt::format("dynamodb:{}", operation);
  const std::string_view account =
      caller.account.empty() ? std::string_view(core.options.account) : caller.account;
  return Denies(policy, {action, TableArn(core, table.name), caller.arn, account});
}

Verdict Authorize(const Request& request) {
  if (!AnyPolicy(request.core)) return {};
  return Authorizer(request).Check();
}

}  // namespace leeward::lab::tables
