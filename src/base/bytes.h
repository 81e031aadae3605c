// Bytes as text and digests of bytes: hex, base64, SHA-256, HMAC-SHA-256, MD5, CRC-32C,
// percent-encoding.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace leeward::base {

using Sha256Digest = std::array<unsigned char, 32>;

std::string HexEncode(std::string_view bytes);  // lower case
Result<std::string> HexDecode(std::string_view hex);
std::string Base64Encode(std::string_view bytes);  // RFC 4648 section 4, padded
Result<std::string> Base64Decode(std::string_view text);

Sha256Digest Sha256(std::string_view bytes);
std::string Sha256Hex(std::string_view bytes);
// RFC 2104 with SHA-256.
Sha256Digest HmacSha256(std::string_view key, std::string_view message);
inline std::string_view AsView(const Sha256Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}
// CRC-32C (Castagnoli), as in RFC 3720 appendix B.4.
std::uint32_t Crc32c(std::string_view bytes);

// Percent-encodes everything but RFC 3986 unreserved characters; `keep` names further ones to
// leave.
std::string PercentEncode(std::string_view text, std::string_view keep = "");
// Undoes percent-encoding; a stray '%' is kInvalid. '+' is left alone.
Result<std::string> PercentDecode(std::string_view text);

}  // namespace leeward::base
