#include "serve/move.h"

#include <array>
#include <nlohmann/json.hpp>

#include "base/check.h"

namespace leeward::serve {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxBytes = 8192;
constexpr std::size_t kMaxText = 6144;
constexpr std::size_t kWhyKept = 1000;  // bytes; each may take three when it is no UTF-8
constexpr std::size_t kMembers = 7;
constexpr int kVersion = 1;
constexpr std::array kStates = {MoveState::kRunning, MoveState::kDone, MoveState::kRefused,
                                MoveState::kFailed, MoveState::kAborted};

base::Error Wrong(const std::string& what) { return base::Corrupt("move: " + what); }

bool ReadState(const std::string& name, MoveState* state) {
  for (const MoveState each : kStates) {
    if (Name(each) != name) continue;
    *state = each;
    return true;
  }
  return false;
}

bool ReadMember(const std::string& key, const Json& value, Move* move) {
  if (key == "v") return value.is_number_unsigned() && value.get<std::uint64_t>() == kVersion;
  if (!value.is_string() || value.get_ref<const std::string&>().size() > kMaxText) return false;
  const std::string text = value.get<std::string>();
  if (key == "why") {
    move->why = text;
    return true;
  }
  if (text.empty()) return false;
  if (key == "controller") move->controller = text;
  if (key == "from") move->from = model::Region(text);
  if (key == "to") move->to = model::Region(text);
  if (key == "controller" || key == "from" || key == "to") return true;
  if (key == "state") return ReadState(text, &move->state);
  const base::Result<base::WallTime> at = base::ParseIso8601(text);
  if (key != "at" || !at.ok()) return false;
  move->at = *at;
  return true;
}

}  // namespace

std::string_view Name(MoveState state) {
  switch (state) {
    case MoveState::kRunning:
      return "running";
    case MoveState::kDone:
      return "done";
    case MoveState::kRefused:
      return "refused";
    case MoveState::kFailed:
      return "failed";
    case MoveState::kAborted:
      return "aborted";
  }
  CHECK_NEVER("MoveState outside its enum");
}

std::string MoveKey(const model::ApplicationName& application) {
  return "leeward/" + application.str() + "/move";
}

std::string ToJson(const Move& move) {
  Json json;
  json["v"] = kVersion;
  json["controller"] = move.controller;
  json["from"] = move.from.str();
  json["to"] = move.to.str();
  json["state"] = Name(move.state);
  json["why"] = move.why.substr(0, kWhyKept);
  json["at"] = base::FormatIso8601(move.at);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

base::Result<Move> MoveFromJson(std::string_view text) {
  if (text.size() > kMaxBytes) return Wrong("longer than " + std::to_string(kMaxBytes) + " bytes");
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Wrong("not one JSON object");
  Move move;
  for (const auto& [key, value] : json.items()) {
    if (!ReadMember(key, value, &move)) return Wrong("'" + key + "' is unknown or out of range");
  }
  if (json.size() != kMembers) return Wrong("a member is missing");
  return move;
}

}  // namespace leeward::serve
