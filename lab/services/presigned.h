// Requests that are signed for another Region and travel in a parameter, as the source's Region has
// them from whoever asks for an encrypted copy.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "lab/core/service.h"

namespace leeward::lab {

struct PresignedFor {
  std::string_view service, region;
  // What its query must ask for, name by name.
  std::initializer_list<std::pair<std::string_view, std::string_view>> wanted;
};
// Why the URL is not that request, signed by somebody who is known; nothing: it is.
std::optional<std::string> WhyNotPresigned(Host& host, std::string_view url,
                                           const PresignedFor& what);

}  // namespace leeward::lab
