// Hosted zones as plain data: what an authoritative answer is made from.
//
// Names are canonical: lower case, presentation form, with the dot at the end
// ("shop.example.test.").
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace leeward::lab {

// Record types by their number on the wire; only those below can be stored.
enum class RrType : std::uint16_t {
  kA = 1,
  kNs = 2,
  kCname = 5,
  kSoa = 6,
  kPtr = 12,
  kMx = 15,
  kTxt = 16,
  kAaaa = 28,
  kSrv = 33,
  kNaptr = 35,
  kOpt = 41,
  kDs = 43,
  kSshfp = 44,
  kTlsa = 52,
  kSvcb = 64,
  kHttps = 65,
  kSpf = 99,
  kAny = 255,
  kCaa = 257,
};
// "A", "AAAA", ...; empty for a type that cannot be stored.
std::string_view TypeName(RrType type);
std::optional<RrType> TypeByName(std::string_view name);

// Lower case, dot at the end; "\052" becomes "*".
std::string CanonicalName(std::string_view name);
// Labels from the right, each followed by a NUL: sorts as Route 53 lists ("com.example." before
// "com.example.a."), and a name's descendants follow it.
std::string SortKey(std::string_view canonical);
// Whether `name` is `zone` or lies below it.
bool IsWithin(std::string_view name, std::string_view zone);

enum class Routing : std::uint8_t {
  kSimple,
  kPrimary,
  kSecondary,
  kWeighted,
  kMultivalue,
  kLatency,
};

enum class TargetHealth : std::uint8_t { kIgnore, kEvaluate };

struct Alias {
  std::string zone_id;
  std::string target;  // canonical
  TargetHealth target_health = TargetHealth::kIgnore;
  friend bool operator==(const Alias&, const Alias&) = default;
};

struct RecordSet {
  std::string name;
  RrType type = RrType::kA;
  std::uint32_t ttl = 0;
  std::vector<std::string> values;  // presentation form
  std::optional<Alias> alias;       // instead of ttl and values
  Routing routing = Routing::kSimple;
  std::string set_identifier;  // empty for kSimple
  std::uint32_t weight = 0;    // kWeighted
  std::string region;          // kLatency
  std::string health_check;    // id; empty: none
  friend bool operator==(const RecordSet&, const RecordSet&) = default;
};

struct Zone {
  struct Key {
    std::string sort_key;
    RrType type;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  std::string id;  // "Z0123456789ABC"
  std::string name;
  std::map<Key, std::vector<RecordSet>> sets;

  const std::vector<RecordSet>* Find(std::string_view owner, RrType type) const;
  // Any type at this very name.
  bool HasName(std::string_view owner) const;
  // Any name below this one.
  bool HasBelow(std::string_view owner) const;
};

// What the health checkers and the load balancers say, at one instant.
struct HealthView {
  std::unordered_map<std::string, bool> checks;          // by health-check id; absent: not checked
  std::unordered_map<std::string, bool> load_balancers;  // by canonical DNS name; absent: gone
};

// Everything an answer depends on. Immutable once published: a change makes a new one.
struct World {
  std::map<std::string, std::shared_ptr<const Zone>> zones;  // by name
  std::shared_ptr<const HealthView> health;
};

// The zone of the load balancers of one kind in one Region, as an alias names it.
struct LoadBalancerZone {
  std::string_view zone_id;
  std::string_view region;
  std::string_view type;  // "application" | "network"
};
const LoadBalancerZone* FindLoadBalancerZone(std::string_view zone_id);
// The canonical hosted zone id; empty for a Region that is not known.
std::string_view LoadBalancerZoneId(std::string_view region, std::string_view type);

}  // namespace leeward::lab
