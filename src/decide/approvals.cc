#include "decide/approvals.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/check.h"

namespace leeward::decide {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxBytes = 16384;
constexpr std::size_t kMaxName = 100;
constexpr std::size_t kMaxReason = 500;
constexpr std::size_t kMaxQuestion = 1000;
constexpr std::size_t kMaxText = 4096;  // of what is read, in bytes
constexpr std::size_t kMaxPeople = 2;

std::string Trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1));
}

// Names that differ in case or in spaces alone are one person's.
std::string Folded(std::string_view name) {
  std::string folded;
  for (const char c : name) {
    if (c == ' ' || c == '\t') continue;
    folded += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return folded;
}

bool ReadText(const Json& json, const char* key, std::string* text) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_string()) return false;
  *text = found->get<std::string>();
  return !text->empty() && text->size() <= kMaxText;
}

bool ReadTime(const Json& json, const char* key, base::WallTime* time) {
  std::string text;
  if (!ReadText(json, key, &text)) return false;
  const base::Result<base::WallTime> parsed = base::ParseIso8601(text);
  if (parsed.ok()) *time = *parsed;
  return parsed.ok();
}

bool ReadApproval(const Json& json, Approval* approval) {
  return json.is_object() && ReadText(json, "name", &approval->name) &&
         ReadText(json, "reason", &approval->reason) && ReadTime(json, "at", &approval->at);
}

bool ReadGiven(const Json& json, std::vector<Approval>* given) {
  const auto found = json.find("given");
  if (found == json.end() || !found->is_array() || found->size() > kMaxPeople) return false;
  for (const Json& one : *found) {
    if (!ReadApproval(one, &given->emplace_back())) return false;
  }
  return true;
}

bool HasGiven(const ApprovalRequest& request, const std::string& name) {
  return std::any_of(request.given.begin(), request.given.end(), [&](const Approval& approval) {
    return Folded(approval.name) == Folded(name);
  });
}

bool IsPlain(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; });
}

// To the second, as people read it.
std::string Moment(base::WallTime time) { return base::FormatIso8601(time).substr(0, 19) + "Z"; }

std::string Names(const ApprovalRequest& request) {
  std::string names;
  for (const Approval& approval : request.given)
    names += (names.empty() ? "" : " and ") + approval.name;
  return names.empty() ? "" : " (" + names + ")";
}

// How many different people have approved in time.
int Count(const ApprovalRequest& request) {
  std::vector<std::string> names;
  for (const Approval& approval : request.given) {
    const std::string name = Folded(approval.name);
    if (approval.at >= request.until) continue;
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return static_cast<int>(names.size());
}

}  // namespace

base::Status CheckApproval(const Approval& approval) {
  if (Folded(approval.name).empty() || Folded(approval.reason).empty())
    return base::Invalid("an approval has a name and a reason: who approves, and why");
  if (approval.name.size() > kMaxName || approval.reason.size() > kMaxReason) {
    return base::Invalid("an approval's name has " + std::to_string(kMaxName) +
                         " bytes at most, its reason " + std::to_string(kMaxReason));
  }
  if (!IsPlain(approval.name) || !IsPlain(approval.reason) ||
      approval.name.find(':') != std::string::npos) {
    return base::Invalid("an approval's name and reason are one line each, the name without ':'");
  }
  return base::Ok();
}

base::Result<Approval> ApprovalFrom(std::string_view by, base::WallTime at) {
  const auto colon = by.find(':');
  if (colon == std::string_view::npos)
    return base::Invalid("an approval is \"NAME: REASON\": who approves, and why");
  Approval approval{Trimmed(by.substr(0, colon)), Trimmed(by.substr(colon + 1)), at};
  RETURN_IF_ERROR(CheckApproval(approval));
  return approval;
}

base::Result<ApprovalRequest> Approve(ApprovalRequest request, const Approval& approval,
                                      base::WallTime now) {
  switch (StandingOf(request, now)) {
    case Standing::kApproved:
      return base::WrongState("it is approved already; nothing waits for an approval");
    case Standing::kTimeIsUp:
      return base::WrongState("time was up at " + Moment(request.until) +
                              "; nothing waits for an approval");
    case Standing::kWaits:
      break;
  }
  if (HasGiven(request, approval.name)) {
    return base::Already(approval.name + " has approved already; it " + Describe(request, now) +
                         ", by somebody else");
  }
  request.given.push_back(approval);
  return request;
}

ApprovalRequest Asked(const ApprovalRequest* there, ApprovalRequest wanted) {
  if (there == nullptr) return wanted;
  const bool same = there->execution == wanted.execution && there->plan == wanted.plan &&
                    there->step == wanted.step;
  return same ? *there : wanted;
}

Standing StandingOf(const ApprovalRequest& request, base::WallTime now) {
  const bool enough = Count(request) >= request.people;
  if (enough && now < request.until + kTakenIn) return Standing::kApproved;
  return enough || now >= request.until ? Standing::kTimeIsUp : Standing::kWaits;
}

int Lacking(const ApprovalRequest& request) { return std::max(request.people - Count(request), 0); }

std::string Describe(const ApprovalRequest& request, base::WallTime now) {
  const std::string until = Moment(request.until);
  const std::string of =
      std::to_string(request.people) + (request.people == 1 ? " approval" : " approvals");
  switch (StandingOf(request, now)) {
    case Standing::kWaits:
      return "waits for " + std::to_string(Lacking(request)) + " of " + of + " until " + until;
    case Standing::kApproved:
      return "has " + std::to_string(Count(request)) + " of " + of + Names(request);
    case Standing::kTimeIsUp:
      return "had " + std::to_string(Count(request)) + " of " + of + Names(request) +
             " when time was up at " + until;
  }
  CHECK_NEVER("Standing outside its enum");
}

std::string ApprovalsKey(const model::ApplicationName& application) {
  return "leeward/" + application.str() + "/approvals";
}

std::string ToJson(const ApprovalRequest& request) {
  Json json;
  json["v"] = 1;
  json["execution"] = request.execution.str();
  json["plan"] = request.plan;
  json["step"] = request.step.str();
  json["question"] = request.question.substr(0, kMaxQuestion);
  json["people"] = request.people;
  json["until"] = base::FormatIso8601(request.until);
  json["given"] = Json::array();
  for (const Approval& approval : request.given) {
    json["given"].push_back({{"name", approval.name},
                             {"reason", approval.reason},
                             {"at", base::FormatIso8601(approval.at)}});
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

base::Result<ApprovalRequest> ApprovalRequestFromJson(std::string_view text) {
  const base::Error corrupt = base::Corrupt("what stands under approvals is no request");
  if (text.size() > kMaxBytes) return corrupt;
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || json.value("v", Json(0)) != 1) return corrupt;
  ApprovalRequest request;
  std::string execution, step;
  const bool read = ReadText(json, "execution", &execution) &&
                    ReadText(json, "plan", &request.plan) && ReadText(json, "step", &step) &&
                    ReadText(json, "question", &request.question) &&
                    ReadTime(json, "until", &request.until) && ReadGiven(json, &request.given);
  const auto people = json.find("people");
  if (!read || people == json.end() || !people->is_number_integer()) return corrupt;
  request.execution = model::ExecutionId(execution);
  request.step = model::StepId(step);
  request.people = people->get<int>();
  if (request.people < 1 || request.people > static_cast<int>(kMaxPeople)) return corrupt;
  return request;
}

}  // namespace leeward::decide
