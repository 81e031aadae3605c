#include "session/record_json.h"

#include <nlohmann/json.hpp>

#include "base/last_moment.h"

namespace leeward::session {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxNode = 64;    // bytes
constexpr std::size_t kMaxRegion = 32;  // bytes
constexpr std::int64_t kMaxMillis = std::chrono::milliseconds(base::kLastMoment).count();

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

base::Error Broken(const char* what) { return base::Corrupt(std::string("a record's ") + what); }

Json JsonOf(const Session& session) {
  Json fields = Json::object();
  for (const auto& [name, field] : session.fields) {
    Json entry = Json::array({field.at.millis, field.at.count, field.at.node});
    if (field.value) entry.push_back(*field.value);
    fields[name] = std::move(entry);
  }
  return {{"handle", session.handle.str()},       {"subject", session.subject},
          {"created", MillisOf(session.created)}, {"ends", MillisOf(session.ends)},
          {"expires", MillisOf(session.expires)}, {"fields", std::move(fields)}};
}

Json JsonOf(const Revocation& revocation) {
  return {{"handle", revocation.handle.str()},
          {"at", MillisOf(revocation.at)},
          {"until", MillisOf(revocation.until)},
          {"region", revocation.region}};
}

base::Result<std::string> RecordText(const Json& json, const char* name, std::size_t most) {
  const auto found = json.find(name);
  if (found == json.end() || !found->is_string()) return Broken("text is missing");
  std::string text = found->get<std::string>();
  if (text.size() > most) return Broken("text is too long");
  return text;
}

base::Result<std::int64_t> Millis(const Json& json) {
  if (!json.is_number_integer()) return Broken("time is no whole number");
  if (json.is_number_unsigned() && json.get<std::uint64_t>() > std::uint64_t{kMaxMillis})
    return Broken("time is out of range");
  const std::int64_t millis = json.get<std::int64_t>();
  if (millis < 0 || millis > kMaxMillis) return Broken("time is out of range");
  return millis;
}

base::Result<base::WallTime> RecordTime(const Json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end()) return Broken("time is missing");
  ASSIGN_OR_RETURN(const std::int64_t millis, Millis(*found));
  return FromMillis(millis);
}

base::Result<Handle> HandleIn(const Json& json) {
  ASSIGN_OR_RETURN(std::string text, RecordText(json, "handle", 64));
  if (!IsHandle(text)) return Broken("handle is none");
  return Handle(std::move(text));
}

base::Result<Field> FieldFrom(const Json& json) {
  if (!json.is_array() || json.size() < 3 || json.size() > 4) return Broken("field is none");
  Field field;
  ASSIGN_OR_RETURN(field.at.millis, Millis(json[0]));
  if (!json[1].is_number_unsigned() || json[1].get<std::uint64_t>() > UINT32_MAX)
    return Broken("stamp is none");
  field.at.count = json[1].get<std::uint32_t>();
  if (!json[2].is_string()) return Broken("stamp has no node");
  field.at.node = json[2].get<std::string>();
  if (field.at.node.size() > kMaxNode) return Broken("stamp has too long a node");
  if (json.size() == 3) return field;
  if (!json[3].is_string()) return Broken("field's value is no text");
  field.value = json[3].get<std::string>();
  return field;
}

base::Result<Session> SessionFrom(const Json& json, const DataLimits& limits) {
  if (!json.is_object()) return Broken("session is no object");
  Session session;
  ASSIGN_OR_RETURN(session.handle, HandleIn(json));
  ASSIGN_OR_RETURN(session.subject, RecordText(json, "subject", limits.subject));
  ASSIGN_OR_RETURN(session.created, RecordTime(json, "created"));
  ASSIGN_OR_RETURN(session.ends, RecordTime(json, "ends"));
  ASSIGN_OR_RETURN(session.expires, RecordTime(json, "expires"));
  const auto fields = json.find("fields");
  if (fields == json.end() || !fields->is_object()) return Broken("fields are missing");
  for (const auto& [name, entry] : fields->items()) {
    ASSIGN_OR_RETURN(session.fields[name], FieldFrom(entry));
  }
  const base::Status fits = CheckSession(session, limits);
  if (!fits.ok()) return Broken("fields do not fit");
  return session;
}

base::Result<Revocation> RevocationFrom(const Json& json) {
  if (!json.is_object()) return Broken("revocation is no object");
  Revocation revocation;
  ASSIGN_OR_RETURN(revocation.handle, HandleIn(json));
  ASSIGN_OR_RETURN(revocation.at, RecordTime(json, "at"));
  ASSIGN_OR_RETURN(revocation.until, RecordTime(json, "until"));
  ASSIGN_OR_RETURN(revocation.region, RecordText(json, "region", kMaxRegion));
  return revocation;
}

Json Parse(std::string_view text) { return Json::parse(text, nullptr, /*allow_exceptions=*/false); }

}  // namespace

std::string ToJson(const Session& session) { return Dump(JsonOf(session)); }
std::string ToJson(const Revocation& revocation) { return Dump(JsonOf(revocation)); }

std::string ToJson(const Held& held) {
  Json json = Json::object();
  if (held.session) json["session"] = JsonOf(*held.session);
  if (held.revocation) json["revocation"] = JsonOf(*held.revocation);
  return Dump(json);
}

base::Result<Session> SessionFromJson(std::string_view text, const DataLimits& limits) {
  return SessionFrom(Parse(text), limits);
}

base::Result<Revocation> RevocationFromJson(std::string_view text) {
  return RevocationFrom(Parse(text));
}

base::Result<Held> HeldFromJson(std::string_view text, const DataLimits& limits) {
  const Json json = Parse(text);
  if (!json.is_object()) return Broken("entry is no object");
  Held held;
  if (const auto found = json.find("session"); found != json.end()) {
    ASSIGN_OR_RETURN(held.session, SessionFrom(*found, limits));
  }
  if (const auto found = json.find("revocation"); found != json.end()) {
    ASSIGN_OR_RETURN(held.revocation, RevocationFrom(*found));
  }
  if (!held.session && !held.revocation) return Broken("entry is empty");
  if (held.session && held.revocation && held.session->handle != held.revocation->handle)
    return Broken("entry is of two handles");
  return held;
}

}  // namespace leeward::session
