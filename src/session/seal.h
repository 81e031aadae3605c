// Sealing small secrets with a key that the services of an application share: AES-256-GCM.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace leeward::session {

inline constexpr std::size_t kSealKeyBytes = 32;
inline constexpr std::size_t kNonceBytes = 12;

// nonce, cipher text and tag as base64url. `about` is not hidden but cannot be changed unnoticed.
// `nonce` never comes twice with one key: draw it anew each time.
std::string Seal(std::string_view key, std::string_view nonce, std::string_view secret,
                 std::string_view about);
// kDenied: sealed with another key, or changed since.
base::Result<std::string> Unseal(std::string_view key, std::string_view sealed,
                                 std::string_view about);

}  // namespace leeward::session
