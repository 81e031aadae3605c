#include "lab/items/base64.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>

namespace leeward::lab::items {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr unsigned char kBad = 0xFF;

constexpr std::array<unsigned char, 256> Values() {
  std::array<unsigned char, 256> values{};
  values.fill(kBad);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<unsigned char>(i);
  }
  return values;
}
constexpr std::array<unsigned char, 256> kValues = Values();

unsigned ValueOf(char c) { return kValues[static_cast<unsigned char>(c)]; }

ApiError BadCharacter(std::string_view text) {
  for (const char c : text) {
    if (ValueOf(c) == kBad) {
      return SerializationError(fmt::format("Invalid Base64 character: '{}'", c));
    }
  }
  return SerializationError("Invalid last non-pad Base64 character dectected");
}

void PutBytes(std::uint32_t word, std::size_t count, std::string& out) {
  const std::array<char, 3> bytes = {static_cast<char>(word >> 16), static_cast<char>(word >> 8),
                                     static_cast<char>(word)};
  out.append(bytes.data(), count);
}

}  // namespace

Outcome<std::string> DecodeBase64(std::string_view text) {
  if (text.size() % 4 != 0) {
    return SerializationError(fmt::format(
        "Base64 encoded length is expected a multiple of 4 bytes but found: {}", text.size()));
  }
  std::string_view digits = text;
  while (!digits.empty() && digits.back() == '=' && text.size() - digits.size() < 2) {
    digits.remove_suffix(1);
  }
  std::string out;
  out.reserve(text.size() / 4 * 3);
  std::size_t i = 0;
  for (; i + 4 <= digits.size(); i += 4) {
    const unsigned a = ValueOf(digits[i]), b = ValueOf(digits[i + 1]), c = ValueOf(digits[i + 2]),
                   d = ValueOf(digits[i + 3]);
    if (((a | b | c | d) & 0xC0) != 0) return BadCharacter(digits.substr(i, 4));
    PutBytes(a << 18 | b << 12 | c << 6 | d, 3, out);
  }
  const std::string_view tail = digits.substr(i);
  if (tail.empty()) return out;
  std::uint32_t word = 0;
  for (const char c : tail) {
    if (ValueOf(c) == kBad) return BadCharacter(tail);
    word = word << 6 | ValueOf(c);
  }
  word <<= 6 * (4 - tail.size());
  const std::size_t count = tail.size() - 1;
  const std::uint32_t unused = (1U << (24 - 8 * count)) - 1;
  if (count == 0 || (word & unused) != 0) {
    return SerializationError("Invalid last non-pad Base64 character dectected");
  }
  PutBytes(word, count, out);
  return out;
}

void AppendBase64(std::string_view bytes, std::string& out) {
  const auto byte = [&](std::size_t i) {
    return std::uint32_t{static_cast<unsigned char>(bytes[i])};
  };
  const std::size_t start = out.size();
  out.resize(start + (bytes.size() + 2) / 3 * 4);
  char* to = out.data() + start;
  std::size_t i = 0;
  for (; i + 3 <= bytes.size(); i += 3) {
    const std::uint32_t word = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    *to++ = kAlphabet[word >> 18];
    *to++ = kAlphabet[word >> 12 & 63];
    *to++ = kAlphabet[word >> 6 & 63];
    *to++ = kAlphabet[word & 63];
  }
  if (i == bytes.size()) return;
  const bool two = i + 2 == bytes.size();
  const std::uint32_t word = byte(i) << 16 | (two ? byte(i + 1) << 8 : 0);
  *to++ = kAlphabet[word >> 18];
  *to++ = kAlphabet[word >> 12 & 63];
  *to++ = two ? kAlphabet[word >> 6 & 63] : '=';
  *to++ = '=';
}

}  // namespace leeward::lab::items
