// The plan as JSON and back. docs/formats/plan.md.
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "model/names.h"
#include "plan/plan.h"

namespace leeward::plan {
namespace {

using Json = nlohmann::ordered_json;
using model::AwsCall;
using model::Step;

constexpr int kVersion = 1;
constexpr std::size_t kMaxSteps = 10'000;

Json JsonOf(const AwsCall& call) {
  Json json;
  json["service"] = call.service;
  json["operation"] = call.operation;
  json["region"] = call.region.str();
  json["control_plane"] = call.control_plane.str();
  return json;
}

Json JsonOf(const Step& step) {
  Json json;
  json["id"] = step.id.str();
  json["kind"] = step.kind.str();
  json["component"] = step.component.str();
  json["region"] = step.region.str();
  json["phase"] = model::Name(step.phase);
  json["title"] = step.title;
  json["reason"] = step.reason;
  json["calls"] = Json::array();
  for (const AwsCall& call : step.calls) json["calls"].push_back(JsonOf(call));
  json["after"] = Json::array();
  for (const model::StepId& before : step.after) json["after"].push_back(before.str());
  json["parameters"] = Json::object();
  for (const auto& [name, value] : step.parameters) json["parameters"][name] = value;
  json["undo"] = step.undo;
  json["timeout_ns"] = step.timeout.count();
  json["max_attempts"] = step.max_attempts;
  json["on_failure"] = model::Name(step.on_failure);
  return json;
}

// Reads members of one object; remembers the first thing that is wrong.
class Reader {
 public:
  Reader(const Json& json, std::string where) : json_(json), where_(std::move(where)) {
    if (!json_.is_object()) Fail("", "is not an object");
  }

  std::string Text(const char* key) {
    const Json* value = Find(key);
    if (value == nullptr) return {};
    if (value->is_string()) return value->get<std::string>();
    Fail(key, "is not text");
    return {};
  }
  std::int64_t Integer(const char* key) {
    const Json* value = Find(key);
    if (value == nullptr) return 0;
    if (value->is_number_integer()) return value->get<std::int64_t>();
    Fail(key, "is not an integer");
    return 0;
  }
  template <typename Enum>
  Enum Word(const char* key) {
    Enum value{};
    const std::string text = Text(key);
    if (error_.empty() && !model::FromName(text, &value)) Fail(key, "'" + text + "' is unknown");
    return value;
  }
  const Json& Array(const char* key) {
    static const Json kNone = Json::array();
    const Json* value = Find(key);
    if (value == nullptr) return kNone;
    if (value->is_array() && value->size() <= kMaxSteps) return *value;
    Fail(key, "is not a list, or is too long");
    return kNone;
  }
  std::map<std::string, std::string> Map(const char* key) {
    std::map<std::string, std::string> map;
    const Json* value = Find(key);
    if (value == nullptr) return map;
    if (!value->is_object()) Fail(key, "is not an object");
    for (const auto& [name, text] : value->items()) {
      if (!text.is_string())
        Fail(key, "has a value that is not text");
      else
        map[name] = text.get<std::string>();
    }
    return map;
  }
  void Fail(const std::string& key, const std::string& what) {
    if (error_.empty()) error_ = where_ + (key.empty() ? "" : "." + key) + " " + what;
  }
  base::Status Done() const {
    if (error_.empty()) return base::Ok();
    return base::Invalid("plan JSON: " + error_);
  }

 private:
  const Json* Find(const char* key) {
    if (!json_.is_object()) return nullptr;
    const auto found = json_.find(key);
    if (found == json_.end()) {
      Fail(key, "is missing");
      return nullptr;
    }
    return &*found;
  }

  const Json& json_;
  std::string where_, error_;
};

base::Result<AwsCall> CallFrom(const Json& json, const std::string& where) {
  Reader reader(json, where);
  AwsCall call;
  call.service = reader.Text("service");
  call.operation = reader.Text("operation");
  call.region = model::Region(reader.Text("region"));
  call.control_plane = model::Region(reader.Text("control_plane"));
  RETURN_IF_ERROR(reader.Done());
  return call;
}

base::Result<Step> StepFrom(const Json& json, const std::string& where) {
  Reader reader(json, where);
  Step step;
  step.id = model::StepId(reader.Text("id"));
  step.kind = model::StepKind(reader.Text("kind"));
  step.component = model::ComponentName(reader.Text("component"));
  step.region = model::Region(reader.Text("region"));
  step.phase = reader.Word<model::Phase>("phase");
  step.title = reader.Text("title");
  step.reason = reader.Text("reason");
  step.parameters = reader.Map("parameters");
  step.undo = reader.Text("undo");
  step.timeout = base::Duration(reader.Integer("timeout_ns"));
  step.max_attempts = static_cast<int>(reader.Integer("max_attempts"));
  step.on_failure = reader.Word<model::OnFailure>("on_failure");
  if (step.id.empty()) reader.Fail("id", "is empty");
  if (step.timeout.count() <= 0) reader.Fail("timeout_ns", "is not positive");
  if (step.max_attempts < 1) reader.Fail("max_attempts", "is not positive");
  for (const Json& call : reader.Array("calls")) {
    ASSIGN_OR_RETURN(AwsCall one, CallFrom(call, where + ".calls"));
    step.calls.push_back(std::move(one));
  }
  for (const Json& before : reader.Array("after")) {
    if (before.is_string())
      step.after.emplace_back(before.get<std::string>());
    else
      reader.Fail("after", "has an id that is not text");
  }
  RETURN_IF_ERROR(reader.Done());
  return step;
}

// A plan that someone edited must still be a DAG in order.
base::Status CheckOrder(const model::Plan& plan, const Step& step) {
  if (plan.Find(step.id) != nullptr)
    return base::Invalid("plan JSON: step " + step.id.str() + " is there twice");
  for (const model::StepId& before : step.after) {
    if (plan.Find(before) != nullptr) continue;
    return base::Invalid("plan JSON: step " + step.id.str() + " waits for " + before.str() +
                         ", which does not come before it");
  }
  return base::Ok();
}

}  // namespace

std::string ToJson(const model::Plan& plan) {
  Json json;
  json["leeward_plan"] = kVersion;
  json["action"] = model::Name(plan.action);
  json["application"] = plan.application.str();
  json["from"] = plan.from.str();
  json["to"] = plan.to.str();
  json["made"] = base::FormatIso8601(plan.made);
  json["made_ns"] = plan.made.since_epoch.count();
  json["reason"] = plan.reason;
  json["steps"] = Json::array();
  for (const Step& step : plan.steps) json["steps"].push_back(JsonOf(step));
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

base::Result<model::Plan> FromJson(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return base::Invalid("plan JSON: not JSON");
  Reader reader(json, "plan");
  if (reader.Integer("leeward_plan") != kVersion)
    reader.Fail("leeward_plan", "is not a version this program reads");
  model::Plan plan;
  plan.action = reader.Word<model::Action>("action");
  plan.application = model::ApplicationName(reader.Text("application"));
  plan.from = model::Region(reader.Text("from"));
  plan.to = model::Region(reader.Text("to"));
  plan.made = base::WallTime{base::Duration(reader.Integer("made_ns"))};
  plan.reason = reader.Text("reason");
  const Json& steps = reader.Array("steps");
  RETURN_IF_ERROR(reader.Done());
  for (const Json& one : steps) {
    ASSIGN_OR_RETURN(Step step, StepFrom(one, "steps[" + std::to_string(plan.steps.size()) + "]"));
    RETURN_IF_ERROR(CheckOrder(plan, step));
    plan.steps.push_back(std::move(step));
  }
  return plan;
}

}  // namespace leeward::plan
