#include "sessions/peer_message.h"

#include <nlohmann/json.hpp>

#include "session/record_json.h"

namespace leeward::sessions {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxRegion = 32;  // bytes
constexpr std::size_t kMaxNode = 64;    // bytes

base::Error Broken(const char* what) {
  return base::Corrupt(std::string("a peer's message: ") + what);
}

// The records' own texts are spliced in, not parsed again.
template <typename List>
std::string ListOf(const List& list) {
  std::string text;
  for (const auto& each : list) {
    if (!text.empty()) text += ",";
    text += session::ToJson(each);
  }
  return "[" + text + "]";
}

std::string HandlesOf(const std::vector<session::Handle>& handles) {
  Json list = Json::array();
  for (const session::Handle& handle : handles) list.push_back(handle.str());
  return list.dump();
}

base::Result<std::string> Text(const Json& json, const char* name, std::size_t most) {
  const auto found = json.find(name);
  if (found == json.end() || !found->is_string()) return Broken("a text is missing");
  std::string text = found->get<std::string>();
  if (text.size() > most) return Broken("a text is too long");
  return text;
}

base::Result<Json> ListIn(const Json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end()) return Json::array();
  if (!found->is_array()) return Broken("a list is none");
  if (found->size() > kMostPerMessage) return Broken("a list is too long");
  return *found;
}

base::Result<std::vector<session::Handle>> HandlesIn(const Json& json, const char* name) {
  ASSIGN_OR_RETURN(const Json list, ListIn(json, name));
  std::vector<session::Handle> handles;
  for (const Json& each : list) {
    if (!each.is_string() || !session::IsHandle(each.get_ref<const std::string&>()))
      return Broken("a handle is none");
    handles.emplace_back(each.get<std::string>());
  }
  return handles;
}

base::Result<Json> Parsed(std::string_view text) {
  if (text.size() > kMostMessageBytes) return Broken("it is too long");
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Broken("it is no JSON object");
  return json;
}

}  // namespace

std::string ToJson(const PeerMessage& message) {
  return "{\"region\":" + Json(message.region).dump() + ",\"node\":" + Json(message.node).dump() +
         ",\"entries\":" + ListOf(message.entries) +
         ",\"revocations\":" + ListOf(message.revocations) + "}";
}

std::string ToJson(const PeerAnswer& answer) {
  return "{\"region\":" + Json(answer.region).dump() + ",\"node\":" + Json(answer.node).dump() +
         ",\"stored\":" + HandlesOf(answer.stored) + ",\"held\":" + HandlesOf(answer.held) +
         ",\"refused\":" + HandlesOf(answer.refused) + "}";
}

base::Result<PeerMessage> PeerMessageFromJson(std::string_view text,
                                              const session::DataLimits& limits) {
  ASSIGN_OR_RETURN(const Json json, Parsed(text));
  PeerMessage message;
  ASSIGN_OR_RETURN(message.region, Text(json, "region", kMaxRegion));
  ASSIGN_OR_RETURN(message.node, Text(json, "node", kMaxNode));
  ASSIGN_OR_RETURN(const Json entries, ListIn(json, "entries"));
  for (const Json& each : entries) {
    ASSIGN_OR_RETURN(session::Held held, session::HeldFromJson(each.dump(), limits));
    message.entries.push_back(std::move(held));
  }
  ASSIGN_OR_RETURN(const Json revocations, ListIn(json, "revocations"));
  for (const Json& each : revocations) {
    ASSIGN_OR_RETURN(session::Revocation one, session::RevocationFromJson(each.dump()));
    message.revocations.push_back(std::move(one));
  }
  return message;
}

base::Result<PeerAnswer> PeerAnswerFromJson(std::string_view text) {
  ASSIGN_OR_RETURN(const Json json, Parsed(text));
  PeerAnswer answer;
  ASSIGN_OR_RETURN(answer.region, Text(json, "region", kMaxRegion));
  ASSIGN_OR_RETURN(answer.node, Text(json, "node", kMaxNode));
  ASSIGN_OR_RETURN(answer.stored, HandlesIn(json, "stored"));
  ASSIGN_OR_RETURN(answer.held, HandlesIn(json, "held"));
  ASSIGN_OR_RETURN(answer.refused, HandlesIn(json, "refused"));
  return answer;
}

}  // namespace leeward::sessions
