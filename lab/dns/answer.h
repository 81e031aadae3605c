// The authoritative answer to one DNS question: a pure function of zones, health and the question.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "lab/dns/zone.h"

namespace leeward::lab {

enum class Rcode : std::uint8_t {
  kNoError = 0,
  kFormErr = 1,
  kServFail = 2,
  kNxDomain = 3,
  kNotImp = 4,
  kRefused = 5,
};
// "NOERROR", "NXDOMAIN", ...
std::string_view RcodeName(Rcode rcode);

struct Rr {
  std::string name;
  RrType type;
  std::uint32_t ttl;
  std::string value;  // presentation form
  friend bool operator==(const Rr&, const Rr&) = default;
};

struct DnsAnswer {
  Rcode rcode = Rcode::kNoError;
  bool authoritative = true;
  std::vector<Rr> answer;
  std::vector<Rr> authority;
};

struct Question {
  std::string name;  // canonical
  RrType type;
};

// A number in [0, bound): where chance enters (weights, order of multivalue answers).
using Draw = std::function<std::uint64_t(std::uint64_t bound)>;

DnsAnswer Resolve(const World& world, const Question& question, const Draw& draw);
// The zone that answers for `name`: the closest enclosing one; nullptr when none does.
const Zone* ZoneFor(const World& world, std::string_view name);

// Health of one record as Route 53 sees it: its check, and the target of its alias when that is
// evaluated.
bool IsHealthy(const Zone& zone, const HealthView& health, const RecordSet& record);
// The records of one name and type that answer now, by their routing policy. Never empty unless
// `group` is.
std::vector<const RecordSet*> Choose(const Zone& zone, const HealthView& health,
                                     const std::vector<RecordSet>& group, const Draw& draw);

}  // namespace leeward::lab
