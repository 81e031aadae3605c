// One event as one line of JSON: the journal's payload, and what `--json` streams.
// docs/formats/events.md.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "model/event.h"

namespace leeward::model {

// Compact, no newline, keys in a fixed order.
std::string ToJson(const Event& event);
// kInvalid with what is wrong.
base::Result<Event> EventFromJson(std::string_view json);

}  // namespace leeward::model
