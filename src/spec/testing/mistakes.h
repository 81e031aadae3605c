// Mistakes in specs, for tests: what is said of them, and where.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <variant>

#include "base/check.h"
#include "spec/spec.h"

namespace leeward::spec::testing {

inline std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  CHECK_MSG(at != std::string::npos, from.c_str());
  return text.replace(at, from.size(), to);
}

// All diagnostics, one a line; empty when the spec is right.
inline std::string Complaints(const std::string& text) {
  const auto parsed = Parse(text, "shop.yaml");
  std::string all;
  if (const auto* diagnostics = std::get_if<Diagnostics>(&parsed)) {
    EXPECT_FALSE(diagnostics->empty());
    for (const Diagnostic& one : *diagnostics) all += ToText(one) + "\n";
  }
  return all;
}

// "shop.yaml:7:25" for the first `token` at or behind the first `near`.
inline std::string PlaceOf(const std::string& text, const std::string& near,
                           const std::string& token) {
  const auto at = text.find(token, text.find(near));
  CHECK_MSG(at != std::string::npos, token.c_str());
  const std::string before = text.substr(0, at);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const auto column = at - (before.rfind('\n') + 1) + 1;  // npos + 1 is 0
  return "shop.yaml:" + std::to_string(line) + ":" + std::to_string(column);
}

// `to` is written for `from`; the complaint points at `token`.
struct Mistake {
  std::string from, to, token, complaint;
};

}  // namespace leeward::spec::testing
