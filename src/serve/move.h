// Move: the one move of an application that controllers have begun, as the shared store keeps it,
// so that none is begun twice. docs/formats/api.md.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "model/ids.h"

namespace leeward::serve {

enum class MoveState { kRunning, kDone, kRefused, kFailed, kAborted };
std::string_view Name(MoveState state);

struct Move {
  std::string controller;  // whose journal has it: the name kept beside that journal
  model::Region from, to;
  MoveState state = MoveState::kRunning;
  std::string why;    // it was begun, or ended so; cut to a bounded length
  base::WallTime at;  // of the last change, on the controller's clock

  friend bool operator==(const Move&, const Move&) = default;
};

// "leeward/<application>/move"
std::string MoveKey(const model::ApplicationName& application);
std::string ToJson(const Move& move);
// kCorrupt for anything but such a record.
base::Result<Move> MoveFromJson(std::string_view text);

}  // namespace leeward::serve
