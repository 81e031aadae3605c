// The table of transitions. First match wins; decide_test.cc shows that every situation has a row.
#pragma once

#include <array>
#include <cstdint>

#include "decide/decide.h"

namespace leeward::decide {

// A set of values of a small enum: what a row accepts in one column.
template <typename Enum>
struct Set {
  std::uint8_t bits = 0;

  constexpr bool Has(Enum value) const { return (bits >> static_cast<int>(value) & 1) != 0; }
  static constexpr Set Any() { return {0xff}; }
};
template <typename Enum, typename... More>
constexpr Set<Enum> Of(Enum first, More... more) {
  return {static_cast<std::uint8_t>(
      ((1 << static_cast<int>(first)) | ... | (1 << static_cast<int>(more))))};
}

enum class Cooling { kNo, kYes };

struct TableRow {
  Row row;
  Set<Active> active;
  Set<model::Health> home, recovery;
  Set<model::FailoverMode> mode;
  Set<Cooling> cooling;
  Goal goal;
  const char* reason;

  constexpr bool Matches(const Situation& s) const {
    return active.Has(s.active) && home.Has(s.home) && recovery.Has(s.recovery) &&
           mode.Has(s.mode) && cooling.Has(s.cooling ? Cooling::kYes : Cooling::kNo);
  }
};

using Table = std::array<TableRow, 18>;
const Table& FailoverTable();

}  // namespace leeward::decide
