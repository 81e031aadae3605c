#include "model/event_json.h"

#include <nlohmann/json.hpp>

#include "base/time.h"

namespace leeward::model {
namespace {

using Json = nlohmann::ordered_json;

base::Error Wrong(const std::string& what) { return base::Invalid("event JSON: " + what); }

// Reads the members in one walk, so that a key nobody knows is noticed.
base::Status ReadMember(const std::string& key, const Json& value, Event* event) {
  if (key == "seq" && value.is_number_unsigned()) {
    event->sequence = value.get<std::uint64_t>();
  } else if (key == "at_ns" && value.is_number_integer()) {
    event->at = base::WallTime{base::Duration(value.get<std::int64_t>())};
  } else if (key == "at" && value.is_string()) {
    return base::Ok();  // for people; at_ns is exact
  } else if (key == "kind" && value.is_string()) {
    if (!FromName(value.get_ref<const std::string&>(), &event->kind)) {
      return Wrong("unknown kind '" + value.get<std::string>() + "'");
    }
  } else if (key == "execution" && value.is_string()) {
    event->execution = ExecutionId(value.get<std::string>());
  } else if (key == "step" && value.is_string()) {
    event->step = StepId(value.get<std::string>());
  } else if (key == "fields" && value.is_object()) {
    for (const auto& [name, text] : value.items()) {
      if (!text.is_string()) return Wrong("field '" + name + "' is not text");
      event->fields[name] = text.get<std::string>();
    }
  } else {
    return Wrong("key '" + key + "' is unknown or of the wrong type");
  }
  return base::Ok();
}

}  // namespace

std::string ToJson(const Event& event) {
  Json json;
  json["seq"] = event.sequence;
  json["at"] = base::FormatIso8601(event.at);
  json["at_ns"] = event.at.since_epoch.count();
  json["kind"] = Name(event.kind);
  if (!event.execution.empty()) json["execution"] = event.execution.str();
  if (!event.step.empty()) json["step"] = event.step.str();
  if (!event.fields.empty()) {
    Json fields = Json::object();
    for (const auto& [name, text] : event.fields) fields[name] = text;
    json["fields"] = std::move(fields);
  }
  // Text that is not UTF-8 (a service's answer, say) must not stop the journal: its bad bytes are
  // replaced.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

base::Result<Event> EventFromJson(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Wrong("not one JSON object");
  for (const char* required : {"seq", "at_ns", "kind"}) {
    if (!json.contains(required)) return Wrong(std::string("key '") + required + "' is missing");
  }
  Event event;
  for (const auto& [key, value] : json.items()) {
    RETURN_IF_ERROR(ReadMember(key, value, &event));
  }
  return event;
}

}  // namespace leeward::model
