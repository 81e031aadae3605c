// Global transaction ids, which say what a MySQL or MariaDB server has received and applied.
//
// MariaDB names a position: for each domain the last transaction, "0-1-270,1-7-3". MySQL names a
// set: for each server that wrote, the ranges it wrote, "3e11fa47-...:1-5:7,...". Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace leeward::probe {

struct GtidPosition {
  struct Last {
    std::uint32_t server = 0;
    std::uint64_t sequence = 0;
    friend bool operator==(const Last&, const Last&) = default;
  };
  std::map<std::uint32_t, Last> domains;
  friend bool operator==(const GtidPosition&, const GtidPosition&) = default;

  // kInvalid when it is none, or names a domain twice. The empty text is the empty position.
  static base::Result<GtidPosition> Parse(std::string_view text);
  std::string Text() const;
  // How many transactions `other` has beyond this one, by their numbers; 0: this has them all.
  // What another server wrote under a number counts as the same, as in strict mode it is. The
  // largest number stands for itself and for all beyond it.
  std::uint64_t Missing(const GtidPosition& other) const;
};

struct GtidSet {
  struct Range {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    friend bool operator==(const Range&, const Range&) = default;
  };
  // By server UUID in lower case, with a tag behind a colon if it has one; ranges in order, joined
  // where they touch.
  std::map<std::string, std::vector<Range>> sources;
  friend bool operator==(const GtidSet&, const GtidSet&) = default;

  static base::Result<GtidSet> Parse(std::string_view text);
  std::string Text() const;
  // How many transactions are in `other` and not in this one; the largest number as above.
  std::uint64_t Missing(const GtidSet& other) const;
};

}  // namespace leeward::probe
