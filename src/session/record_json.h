// Sessions and revocations as JSON: in stores, and between the Regions' services.
#pragma once

#include <string>
#include <string_view>

#include "session/record.h"

namespace leeward::session {

// Compact, on one line. Texts that are no UTF-8 are written with replacement characters.
std::string ToJson(const Session& session);
std::string ToJson(const Revocation& revocation);
std::string ToJson(const Held& held);

// kCorrupt: anything but what ToJson writes, or more than `limits` allow.
base::Result<Session> SessionFromJson(std::string_view text, const DataLimits& limits);
base::Result<Revocation> RevocationFromJson(std::string_view text);
base::Result<Held> HeldFromJson(std::string_view text, const DataLimits& limits);

}  // namespace leeward::session
