#include "session/base64url.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace leeward::session {
namespace {

constexpr char kLetters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::uint8_t kNone = 0xff;

constexpr std::array<std::uint8_t, 256> MakeTable() {
  std::array<std::uint8_t, 256> table{};
  for (std::uint8_t& entry : table) entry = kNone;
  for (std::uint8_t i = 0; i < 64; ++i) table[static_cast<unsigned char>(kLetters[i])] = i;
  return table;
}
constexpr std::array<std::uint8_t, 256> kTable = MakeTable();

}  // namespace

std::string Base64Url(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() * 4 + 2) / 3);
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : bytes) {
    bits = bits << 8 | static_cast<unsigned char>(c);
    for (held += 8; held >= 6; held -= 6) text += kLetters[bits >> (held - 6) & 63];
  }
  if (held > 0) text += kLetters[bits << (6 - held) & 63];
  return text;
}

base::Result<std::string> Base64UrlDecode(std::string_view text) {
  if (text.size() % 4 == 1) return base::Invalid("not base64url: of a length that none has");
  std::string bytes;
  bytes.reserve(text.size() * 3 / 4);
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : text) {
    const std::uint8_t value = kTable[static_cast<unsigned char>(c)];
    if (value == kNone) return base::Invalid("not base64url: a character that it has not");
    bits = (bits << 6 | value) & 0xffff;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes += static_cast<char>(bits >> held & 0xff);
  }
  if ((bits & ((1u << held) - 1)) != 0)
    return base::Invalid("not base64url: stray bits at its end");
  return bytes;
}

}  // namespace leeward::session
