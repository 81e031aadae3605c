// How the fuzzers read their input. Seeds are text where that is possible, so parts are lines.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace leeward::fuzz {

inline std::string_view View(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// The text up to the next line break, taken off the front.
inline std::string_view TakeLine(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return line;
}

// The text up to the next space, taken off the front.
inline std::string_view TakeWord(std::string_view& rest) {
  const std::size_t end = rest.find(' ');
  const std::string_view word = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return word;
}

// "Name: value" lines up to an empty one, taken off the front, into any list of pairs of texts.
template <typename Headers>
Headers TakeHeaders(std::string_view& rest) {
  constexpr std::size_t kMaxHeaders = 64;
  Headers headers;
  while (!rest.empty() && headers.size() < kMaxHeaders) {
    const std::string_view line = TakeLine(rest);
    if (line.empty()) break;
    const std::size_t colon = line.find(": ");
    headers.emplace_back(line.substr(0, colon),
                         colon == std::string_view::npos ? "" : line.substr(colon + 2));
  }
  return headers;
}

// One of `choices` by its name, else by chance of what the text is.
template <typename Choices, typename NameOf>
auto& Pick(Choices& choices, std::string_view name, NameOf name_of) {
  std::size_t sum = 0;
  for (const char c : name) sum = sum * 31 + static_cast<unsigned char>(c);
  for (auto& choice : choices) {
    if (name_of(choice) == name) return choice;
  }
  return choices[sum % choices.size()];
}

}  // namespace leeward::fuzz
