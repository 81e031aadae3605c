// Who is where in the lab, how far apart, and what is broken between them. Values in, values out.
//
// A party is a Region, "global" (the global plane) or "outside" (whoever connects from no Region's
// address).
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace leeward::lab {

// The item store's address is the same in each Region of every lab, so that others need not ask:
// 127.<n>.0.8; from 10 on they are given by name.
inline constexpr int kItemsNumber = 8;

inline constexpr std::string_view kOutside = "outside";
inline constexpr std::string_view kGlobal = "global";

struct Cidr {
  std::uint32_t network = 0;
  std::uint32_t mask = 0;
  bool Contains(std::uint32_t address) const { return (address & mask) == network; }
  // "127.2.0.0/16"; kInvalid otherwise.
  static base::Result<Cidr> Parse(std::string_view text);
};

// "127.0.0.1" as a number in host order; kInvalid otherwise.
base::Result<std::uint32_t> ParseIpv4(std::string_view text);

enum class Silence { kNone, kDark, kKilled };
enum class Directions { kBoth, kOneWay };

class Topology {
 public:
  // The Regions in order; Region i has 127.<first_block + i>.0.0/16. The global plane has the part
  // 127.<first_block>.254.0/24.
  Topology(int first_block, std::vector<std::string> regions);

  const std::vector<std::string>& regions() const { return regions_; }
  bool HasRegion(std::string_view name) const;
  std::string PartyOf(std::uint32_t address) const;
  // The networks of every party but "outside", most specific first.
  std::vector<std::pair<Cidr, std::string>> Networks() const;

  base::Duration Delay(const std::string& from, const std::string& to) const;  // one way
  // Whether bytes (and packets) from one to the other are lost.
  bool Blocked(const std::string& from, const std::string& to) const;
  // Whether a connection between the two can be made: a handshake needs both directions.
  bool Reachable(const std::string& a, const std::string& b) const {
    return !Blocked(a, b) && !Blocked(b, a);
  }
  Silence silence(const std::string& region) const;

  void SetSilence(const std::string& region, Silence silence);
  void Cut(const std::string& from, const std::string& to, Directions directions);
  void Slow(const std::string& a, const std::string& b, base::Duration extra);
  // Undoes silence, cuts and delays of one Region, or of all when it is empty.
  void Heal(const std::string& region);

  const std::set<std::pair<std::string, std::string>>& cuts() const { return cuts_; }
  const std::map<std::pair<std::string, std::string>, base::Duration>& slow() const {
    return slow_;
  }

 private:
  int first_block_;
  std::vector<std::string> regions_;
  std::map<std::string, Silence> silence_;
  std::set<std::pair<std::string, std::string>> cuts_;
  std::map<std::pair<std::string, std::string>, base::Duration> slow_;  // by both orders
};

}  // namespace leeward::lab
