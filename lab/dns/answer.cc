#include "lab/dns/answer.h"

#include <algorithm>
#include <array>

#include "lab/dns/sockets.h"

namespace leeward::lab {
namespace {

constexpr int kMaxChain = 8;  // CNAMEs and aliases followed in one answer
constexpr std::size_t kMaxMultivalue = 8;
constexpr std::uint32_t kLoadBalancerTtl = 60;

// A resolver's place is unknown to the lab, so latency records are ranked as seen from us-east-1.
constexpr std::array<std::string_view, 10> kLatencyOrder = {
    "us-east-1", "us-east-2", "ca-central-1", "us-west-1", "us-west-2",
    "eu-west-1", "eu-west-2", "eu-central-1", "sa-east-1", "ap-northeast-1"};

std::size_t LatencyRank(const RecordSet& record) {
  return static_cast<std::size_t>(std::ranges::find(kLatencyOrder, record.region) -
                                  kLatencyOrder.begin());
}

class HealthWalk {
 public:
  HealthWalk(const Zone& zone, const HealthView& health) : zone_(zone), health_(health) {}

  bool Record(const RecordSet& record, int depth = 0) const {
    if (!record.health_check.empty()) {
      const auto found = health_.checks.find(record.health_check);
      if (found != health_.checks.end() && !found->second) return false;
    }
    if (!record.alias || record.alias->target_health == TargetHealth::kIgnore) return true;
    return Target(*record.alias, record.type, depth);
  }

 private:
  bool Target(const Alias& alias, RrType type, int depth) const {
    if (FindLoadBalancerZone(alias.zone_id) != nullptr) {
      const auto found = health_.load_balancers.find(alias.target);
      return found != health_.load_balancers.end() && found->second;
    }
    const std::vector<RecordSet>* group = zone_.Find(alias.target, type);
    if (group == nullptr || depth >= kMaxChain) return false;
    return std::ranges::any_of(*group,
                               [&](const RecordSet& record) { return Record(record, depth + 1); });
  }

  const Zone& zone_;
  const HealthView& health_;
};

using Records = std::vector<const RecordSet*>;

const RecordSet* FindRouting(const Records& records, Routing routing) {
  const auto found = std::ranges::find(records, routing, &RecordSet::routing);
  return found == records.end() ? nullptr : *found;
}

// Both down, or nothing else to say: PRIMARY.
Records ChooseFailover(const Records& all, const Records& healthy) {
  if (const RecordSet* primary = FindRouting(healthy, Routing::kPrimary)) return {primary};
  if (const RecordSet* secondary = FindRouting(healthy, Routing::kSecondary)) return {secondary};
  if (const RecordSet* primary = FindRouting(all, Routing::kPrimary)) return {primary};
  return {all.front()};
}

const RecordSet* DrawByWeight(const Records& records, const Draw& draw) {
  std::uint64_t total = 0;
  for (const RecordSet* record : records) total += record->weight;
  if (total == 0) return records[draw(records.size())];
  std::uint64_t ticket = draw(total);
  for (const RecordSet* record : records) {
    if (ticket < record->weight) return record;
    ticket -= record->weight;
  }
  return records.back();
}

// Zero-weight records answer only when no record with a weight is healthy; when none at all is
// healthy, all count as healthy.
Records ChooseWeighted(const Records& all, const Records& healthy, const Draw& draw) {
  const Records& usable = healthy.empty() ? all : healthy;
  Records weighted;
  std::ranges::copy_if(usable, std::back_inserter(weighted),
                       [](const RecordSet* record) { return record->weight > 0; });
  return {DrawByWeight(weighted.empty() ? usable : weighted, draw)};
}

Records ChooseMultivalue(const Records& all, const Records& healthy, const Draw& draw) {
  Records chosen = healthy.empty() ? all : healthy;
  for (std::size_t i = chosen.size(); i > 1; --i) std::swap(chosen[i - 1], chosen[draw(i)]);
  if (chosen.size() > kMaxMultivalue) chosen.resize(kMaxMultivalue);
  return chosen;
}

Records ChooseLatency(const Records& all, const Records& healthy) {
  const Records& usable = healthy.empty() ? all : healthy;
  return {
      *std::ranges::min_element(usable, {}, [](const RecordSet* r) { return LatencyRank(*r); })};
}

// One question's walk through a zone.
class Walk {
 public:
  Walk(const Zone& zone, const HealthView& health, const Draw& draw)
      : zone_(zone), health_(health), draw_(draw) {}

  DnsAnswer Run(const Question& question) {
    Follow(question.name, question.type, 0);
    if (negative_) AddSoa();
    return std::move(answer_);
  }

 private:
  void Follow(const std::string& name, RrType type, int depth) {
    if (depth >= kMaxChain || AddReferral(name)) return;
    const std::string node = NodeFor(name);
    if (node.empty()) {
      // After a CNAME the chain so far stands, and the code speaks of its end.
      answer_.rcode = Rcode::kNxDomain;
      negative_ = true;
      return;
    }
    const std::size_t before = answer_.answer.size();
    const std::vector<RecordSet>* cnames = nullptr;
    if (type == RrType::kAny) {
      AddAll(name, node);
    } else if (const auto* group = zone_.Find(node, type)) {
      AddGroup(name, *group, depth);
    } else {
      cnames = zone_.Find(node, RrType::kCname);
      if (cnames != nullptr) AddGroup(name, *cnames, depth);
    }
    negative_ = answer_.answer.size() == before;
    if (negative_ || cnames == nullptr) return;
    const std::string target = CanonicalName(answer_.answer.back().value);
    if (IsWithin(target, zone_.name)) Follow(target, type, depth + 1);
  }

  // The name whose records answer: itself, an empty name between others, or the closest wildcard.
  std::string NodeFor(const std::string& name) const {
    if (zone_.HasName(name) || zone_.HasBelow(name)) return name;
    std::string_view rest = name;
    while (rest.size() > zone_.name.size()) {
      rest.remove_prefix(rest.find('.') + 1);
      std::string wildcard = "*." + std::string(rest);
      if (zone_.HasName(wildcard)) return wildcard;
      // A name that exists closer than the wildcard hides it.
      if (zone_.HasName(rest) || zone_.HasBelow(rest)) return {};
    }
    return {};
  }

  void AddGroup(const std::string& owner, const std::vector<RecordSet>& group, int depth) {
    for (const RecordSet* record : Choose(zone_, health_, group, draw_)) {
      if (record->alias) {
        AddAlias(owner, *record, depth);
        continue;
      }
      for (const std::string& value : record->values) {
        answer_.answer.push_back({owner, record->type, record->ttl, value});
      }
    }
  }

  // The target's records under the alias's own name; the alias itself is never seen.
  void AddAlias(const std::string& owner, const RecordSet& record, int depth) {
    const Alias& alias = *record.alias;
    if (FindLoadBalancerZone(alias.zone_id) != nullptr) {
      const std::string address = alias.target.substr(0, alias.target.size() - 1);
      if (record.type == RrType::kA && IsIpv4Literal(address)) {
        answer_.answer.push_back({owner, RrType::kA, kLoadBalancerTtl, address});
      }
      return;
    }
    const auto* group = zone_.Find(alias.target, record.type);
    if (group != nullptr && depth < kMaxChain) AddGroup(owner, *group, depth + 1);
  }

  void AddAll(const std::string& owner, const std::string& node) {
    const std::string key = SortKey(node);
    for (auto it = zone_.sets.lower_bound({key, RrType{0}});
         it != zone_.sets.end() && it->first.sort_key == key; ++it) {
      AddGroup(owner, it->second, 0);
    }
  }

  // A name at or below a delegation is answered with the delegation.
  bool AddReferral(const std::string& name) {
    std::string_view cut = name;
    while (cut.size() > zone_.name.size()) {
      if (const auto* group = zone_.Find(cut, RrType::kNs)) {
        for (const std::string& server : group->front().values) {
          answer_.authority.push_back({std::string(cut), RrType::kNs, group->front().ttl, server});
        }
        answer_.authoritative = !answer_.answer.empty();
        return true;
      }
      cut.remove_prefix(cut.find('.') + 1);
    }
    return false;
  }

  void AddSoa() {
    const auto* group = zone_.Find(zone_.name, RrType::kSoa);
    if (group == nullptr || group->front().values.empty()) return;
    const RecordSet& soa = group->front();
    answer_.authority.push_back({zone_.name, RrType::kSoa, soa.ttl, soa.values.front()});
  }

  const Zone& zone_;
  const HealthView& health_;
  const Draw& draw_;
  DnsAnswer answer_;
  bool negative_ = false;  // the chain ends without the data asked for: the SOA says how long
};

}  // namespace

std::string_view RcodeName(Rcode rcode) {
  switch (rcode) {
    case Rcode::kNoError:
      return "NOERROR";
    case Rcode::kFormErr:
      return "FORMERR";
    case Rcode::kServFail:
      return "SERVFAIL";
    case Rcode::kNxDomain:
      return "NXDOMAIN";
    case Rcode::kNotImp:
      return "NOTIMP";
    case Rcode::kRefused:
      return "REFUSED";
  }
  return "";
}

bool IsHealthy(const Zone& zone, const HealthView& health, const RecordSet& record) {
  return HealthWalk(zone, health).Record(record);
}

std::vector<const RecordSet*> Choose(const Zone& zone, const HealthView& health,
                                     const std::vector<RecordSet>& group, const Draw& draw) {
  Records all;
  Records healthy;
  for (const RecordSet& record : group) {
    all.push_back(&record);
    if (IsHealthy(zone, health, record)) healthy.push_back(&record);
  }
  if (all.empty()) return {};
  switch (group.front().routing) {
    case Routing::kSimple:
      return {all.front()};
    case Routing::kPrimary:
    case Routing::kSecondary:
      return ChooseFailover(all, healthy);
    case Routing::kWeighted:
      return ChooseWeighted(all, healthy, draw);
    case Routing::kMultivalue:
      return ChooseMultivalue(all, healthy, draw);
    case Routing::kLatency:
      return ChooseLatency(all, healthy);
  }
  return {};
}

const Zone* ZoneFor(const World& world, std::string_view name) {
  for (std::string_view rest = name; !rest.empty();) {
    const auto found = world.zones.find(std::string(rest));
    if (found != world.zones.end()) return found->second.get();
    const std::size_t dot = rest.find('.');
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  return nullptr;
}

DnsAnswer Resolve(const World& world, const Question& question, const Draw& draw) {
  const Zone* zone = ZoneFor(world, question.name);
  if (zone == nullptr) {
    DnsAnswer refused;
    refused.rcode = Rcode::kRefused;
    refused.authoritative = false;
    return refused;
  }
  static const HealthView kNothingKnown;
  const HealthView& health = world.health ? *world.health : kNothingKnown;
  return Walk(*zone, health, draw).Run(question);
}

}  // namespace leeward::lab
