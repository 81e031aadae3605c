// The rules of ChangeResourceRecordSets: each change is read, checked by itself, applied to a copy
// of the zone, and the copy is checked as a whole; every message is collected, in AWS's wording
// where it is known.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "lab/dns/packet.h"
#include "lab/services/route53_records.h"

namespace leeward::lab {
namespace {

using shapes::Value;

constexpr std::size_t kMaxRecordsInBatch = 1000;  // an UPSERT counts twice
constexpr std::size_t kMaxCharsInBatch = 32'000;
constexpr std::size_t kMaxRecordsInZone = 10'000;
constexpr std::size_t kMaxValues = 400;
constexpr std::string_view kCloudFrontZone = "Z2FDTNDATAQYW2";
constexpr std::array<std::string_view, 3> kNotServed = {"GeoLocation", "GeoProximityLocation",
                                                        "CidrRoutingConfig"};

enum class Action { kCreate, kDelete, kUpsert };

struct Change {
  Action action = Action::kCreate;
  RecordSet record;
};

std::string Where(const Value& change) {
  const Value& record = change.Sub("ResourceRecordSet");
  return fmt::format("in Change with [Action={}, Name={}, Type={}, SetIdentifier={}]",
                     change.String("Action"), record.String("Name"), record.String("Type"),
                     record.String("SetIdentifier", "null"));
}

ApiError InvalidInput(std::string message) { return {"InvalidInput", std::move(message), 400, {}}; }

std::string Bracketed(const RecordSet& record) {
  std::string text = fmt::format("[name='{}', type='{}'", record.name, TypeName(record.type));
  if (!record.set_identifier.empty()) {
    text += fmt::format(", set-identifier='{}'", record.set_identifier);
  }
  return text + "]";
}

// How the routing is told in "... cannot be created because ..." messages.
std::string_view FamilyName(Routing routing) {
  switch (routing) {
    case Routing::kSimple:
      return "simple";
    case Routing::kPrimary:
    case Routing::kSecondary:
      return "failover";
    case Routing::kWeighted:
      return "weighted";
    case Routing::kMultivalue:
      return "multivalue answer";
    case Routing::kLatency:
      return "latency";
  }
  return "";
}

// Reads the routing members. The error text, or empty.
std::string ReadRouting(const Value& shape, RecordSet& record) {
  std::vector<std::string_view> found;
  if (shape.Has("Weight")) {
    found.push_back("Weight");
    record.routing = Routing::kWeighted;
    record.weight = static_cast<std::uint32_t>(shape.Int("Weight"));
  }
  if (shape.Has("Region")) {
    found.push_back("Region");
    record.routing = Routing::kLatency;
    record.region = shape.String("Region");
  }
  if (shape.Has("Failover")) {
    found.push_back("Failover");
    record.routing =
        shape.String("Failover") == "PRIMARY" ? Routing::kPrimary : Routing::kSecondary;
  }
  if (shape.Flag("MultiValueAnswer", false)) {
    found.push_back("MultiValueAnswer");
    record.routing = Routing::kMultivalue;
  }
  constexpr std::string_view kOneOf = "[Weight, Region, Failover, GeoLocation, MultiValueAnswer]";
  if (found.size() > 1)
    return fmt::format("Expected exactly one of {}, but found more than one", kOneOf);
  if (found.empty() && !record.set_identifier.empty()) {
    return fmt::format("Expected exactly one of {}, but found none", kOneOf);
  }
  if (!found.empty() && record.set_identifier.empty()) return "Missing field 'SetIdentifier'";
  return {};
}

// Reads the data members. The error text, or empty.
std::string ReadData(const Value& shape, RecordSet& record) {
  const Value* alias = shape.Find("AliasTarget");
  const bool plain = shape.Has("TTL") || shape.Has("ResourceRecords");
  const bool whole = shape.Has("TTL") && !shape.Items("ResourceRecords").empty();
  constexpr std::string_view kOneOf =
      "[AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId]";
  if (alias != nullptr && plain) {
    return fmt::format("Expected exactly one of {}, but found more than one", kOneOf);
  }
  if (alias == nullptr && !whole) {
    return fmt::format("Expected exactly one of {}, but found none", kOneOf);
  }
  if (alias != nullptr) {
    std::string_view zone_id = alias->String("HostedZoneId");
    if (zone_id.starts_with("/hostedzone/")) zone_id.remove_prefix(12);
    record.alias = Alias{std::string(zone_id), CanonicalName(alias->String("DNSName")),
                         alias->Flag("EvaluateTargetHealth", false) ? TargetHealth::kEvaluate
                                                                    : TargetHealth::kIgnore};
    return {};
  }
  record.ttl = static_cast<std::uint32_t>(shape.Int("TTL"));
  for (const Value& one : shape.Items("ResourceRecords")) {
    std::string value(one.String("Value"));
    if (std::ranges::find(record.values, value) != record.values.end()) {
      return fmt::format("Duplicate Resource Record: '{}'", value);
    }
    record.values.push_back(std::move(value));
  }
  return {};
}

std::variant<Change, ApiError> ReadChange(const Value& shape) {
  Change change;
  const std::string_view action = shape.String("Action");
  if (action == "DELETE") change.action = Action::kDelete;
  if (action == "UPSERT") change.action = Action::kUpsert;
  const Value& record_shape = shape.Sub("ResourceRecordSet");
  for (const std::string_view member : kNotServed) {
    if (record_shape.Has(member)) {
      return InvalidInput(fmt::format("Invalid request: {} routing is not served by this lab, {}",
                                      member, Where(shape)));
    }
  }
  RecordSet& record = change.record;
  const auto type = TypeByName(record_shape.String("Type"));
  if (!type) return InvalidInput(fmt::format("Invalid request: unknown Type {}", Where(shape)));
  record.name = CanonicalName(record_shape.String("Name"));
  record.type = *type;
  record.set_identifier = record_shape.String("SetIdentifier");
  record.health_check = record_shape.String("HealthCheckId");
  for (const auto read : {ReadRouting, ReadData}) {
    const std::string wrong = read(record_shape, record);
    if (!wrong.empty())
      return InvalidInput(fmt::format("Invalid request: {} {}", wrong, Where(shape)));
  }
  return change;
}

bool IsDomainName(std::string_view name) {
  if (name.size() > 255 || name.size() < 2) return false;
  std::size_t label = 0;
  for (const char c : name) {
    if (c == '.') {
      if (label == 0 || label > 63) return false;
      label = 0;
    } else if (c <= ' ' || c == 127) {
      return false;
    } else {
      ++label;
    }
  }
  return true;
}

class Batch {
 public:
  Batch(Zone zone, const BatchContext& context) : zone_(std::move(zone)), context_(context) {}

  void Apply(const Change& change) {
    if (!CheckPlace(change.record)) return;
    if (change.action == Action::kDelete) return Delete(change.record);
    touched_.push_back(change.record);
    std::vector<RecordSet>& group = zone_.sets[{SortKey(change.record.name), change.record.type}];
    const auto same =
        std::ranges::find(group, change.record.set_identifier, &RecordSet::set_identifier);
    if (same == group.end()) {
      group.push_back(change.record);
    } else if (change.action == Action::kCreate) {
      Say("Tried to create resource record set {} but it already exists", Bracketed(change.record));
    } else {
      *same = change.record;
    }
  }

  // What can only be seen once all changes are in.
  void CheckWhole() {
    for (const RecordSet& record : touched_) {
      CheckData(record);
      CheckCname(record);
      CheckGroup(record);
      if (record.alias) CheckAlias(record);
    }
    CheckApex();
    if (CountRecords(zone_) > kMaxRecordsInZone) {
      Say("Number of records limit of {} exceeded.", kMaxRecordsInZone);
    }
  }

  const std::vector<std::string>& messages() const { return messages_; }
  Zone&& zone() && { return std::move(zone_); }

 private:
  template <typename... Args>
  void Say(fmt::format_string<Args...> text, Args&&... args) {
    std::string message = fmt::format(text, std::forward<Args>(args)...);
    if (std::ranges::find(messages_, message) == messages_.end())
      messages_.push_back(std::move(message));
  }

  bool CheckPlace(const RecordSet& record) {
    if (!IsDomainName(record.name)) {
      Say("FATAL problem: DomainLabelEmpty (Domain label is empty or not valid) encountered with "
          "'{}'",
          record.name);
      return false;
    }
    if (IsWithin(record.name, zone_.name)) return true;
    Say("RRSet with DNS name {} is not permitted in zone {}", record.name, zone_.name);
    return false;
  }

  void Delete(const RecordSet& record) {
    const Zone::Key key{SortKey(record.name), record.type};
    const auto group = zone_.sets.find(key);
    if (group != zone_.sets.end()) {
      const auto same =
          std::ranges::find(group->second, record.set_identifier, &RecordSet::set_identifier);
      if (same != group->second.end()) {
        if (!SameData(*same, record)) {
          return Say(
              "Tried to delete resource record set {} but the values provided do not match the "
              "current values",
              Bracketed(record));
        }
        group->second.erase(same);
        if (group->second.empty()) zone_.sets.erase(group);
        return;
      }
    }
    Say("Tried to delete resource record set {} but it was not found", Bracketed(record));
  }

  // The order of values does not matter.
  static bool SameData(RecordSet a, RecordSet b) {
    std::ranges::sort(a.values);
    std::ranges::sort(b.values);
    return a == b;
  }

  void CheckData(const RecordSet& record) {
    if (record.values.size() > kMaxValues)
      Say("Number of values for record exceeds limit of {}", kMaxValues);
    for (const std::string& value : record.values) {
      if (IsValidRecordData(record.type, value)) continue;
      if (record.type == RrType::kA) {
        Say("Invalid Resource Record: 'FATAL problem: ARRDATAIllegalIPv4Address (Value is not a "
            "valid IPv4 address) encountered with '{}''",
            value);
      } else if (record.type == RrType::kAaaa) {
        Say("Invalid Resource Record: 'FATAL problem: AAAARRDATAIllegalIPv6Address (Value is not a "
            "valid IPv6 address) encountered with '{}''",
            value);
      } else {
        Say("Invalid Resource Record: 'FATAL problem: {}RRDATANotValid (Value is not valid) "
            "encountered with '{}''",
            TypeName(record.type), value);
      }
    }
    if (record.type == RrType::kCname && record.values.size() > 1) {
      Say("RRSet of type CNAME with DNS name {} may only contain one value", record.name);
    }
  }

  void CheckCname(const RecordSet& record) {
    const bool cname = record.type == RrType::kCname;
    if (cname && record.name == zone_.name) {
      return Say("RRSet of type CNAME with DNS name {} is not permitted at apex in zone {}",
                 record.name, zone_.name);
    }
    const std::string key = SortKey(record.name);
    for (auto it = zone_.sets.lower_bound({key, RrType{0}});
         it != zone_.sets.end() && it->first.sort_key == key; ++it) {
      if (it->second.empty() || it->first.type == record.type) continue;
      if (cname) {
        Say("RRSet of type CNAME with DNS name {} is not permitted as it conflicts with other "
            "records with the same DNS name in zone {}",
            record.name, zone_.name);
      } else if (it->first.type == RrType::kCname) {
        Say("RRSet of type {} with DNS name {} is not permitted because a conflicting RRSet of "
            "type CNAME with the same DNS name already exists in zone {}",
            TypeName(record.type), record.name, zone_.name);
      }
    }
  }

  // One name and type has one routing policy; failover has one of each side.
  void CheckGroup(const RecordSet& record) {
    const std::vector<RecordSet>* group = zone_.Find(record.name, record.type);
    if (group == nullptr) return;
    const std::string_view family = FamilyName(record.routing);
    for (const RecordSet& other : *group) {
      if (other.set_identifier == record.set_identifier) continue;
      if (FamilyName(other.routing) != family) {
        Say("RRSet with DNS name {}, type {}, SetIdentifier {} cannot be created because a non {} "
            "rrset exists with the same name and type.",
            record.name, TypeName(record.type),
            record.set_identifier.empty() ? "null" : record.set_identifier, family);
      } else if (other.routing == record.routing && family == "failover") {
        Say("RRSet with DNS name {}, type {}, SetIdentifier {} cannot be created because a "
            "failover rrset with the same name, type and Failover value already exists.",
            record.name, TypeName(record.type), record.set_identifier);
      } else if (family == "latency" && other.region == record.region) {
        Say("RRSet with DNS name {}, type {}, SetIdentifier {} cannot be created because a "
            "latency rrset with the same name, type and region already exists.",
            record.name, TypeName(record.type), record.set_identifier);
      }
    }
    if (record.routing != Routing::kSimple &&
        (record.type == RrType::kNs || record.type == RrType::kSoa)) {
      Say("RRSet with DNS name {}, type {} cannot have a routing policy", record.name,
          TypeName(record.type));
    }
    if (record.routing == Routing::kMultivalue && record.alias) {
      Say("Multivalue answer records can't be alias records: {}", Bracketed(record));
    }
  }

  void CheckAlias(const RecordSet& record) {
    const Alias& alias = *record.alias;
    const bool failover = FamilyName(record.routing) == "failover";
    if (failover && alias.target_health == TargetHealth::kIgnore) {
      Say("Failover alias resource record sets must have EvaluateTargetHealth set to true: {}",
          Bracketed(record));
    }
    const std::string intro =
        fmt::format("Tried to create an alias that targets {}, type {} in zone {}, but",
                    alias.target, TypeName(record.type), alias.zone_id);
    if (alias.zone_id == zone_.id) {
      if (!IsWithin(alias.target, zone_.name))
        return Say("{} the alias target name does not lie within the target zone", intro);
      const auto* target = zone_.Find(alias.target, record.type);
      if (target == nullptr || target->empty()) return Say("{} that target was not found", intro);
      if (alias.target == record.name) Say("{} an alias cannot target itself", intro);
      return;
    }
    CheckForeignAlias(alias, intro);
  }

  void CheckForeignAlias(const Alias& alias, const std::string& intro) {
    if (alias.zone_id == kCloudFrontZone && alias.target.ends_with(".cloudfront.net.")) {
      if (alias.target_health == TargetHealth::kEvaluate) {
        return Say(
            "EvaluateTargetHealth cannot be set to true when the alias target is a CloudFront "
            "distribution");
      }
      return Say("{} that target was not found", intro);
    }
    const KnownLoadBalancer* known = context_.load_balancer(alias.target);
    if (FindLoadBalancerZone(alias.zone_id) == nullptr ||
        (known != nullptr && known->zone_id != alias.zone_id)) {
      return Say("{} the alias target name does not lie within the target zone", intro);
    }
    if (known == nullptr) Say("{} that target was not found", intro);
  }

  void CheckApex() {
    for (const RrType type : {RrType::kNs, RrType::kSoa}) {
      const auto* group = zone_.Find(zone_.name, type);
      if (group == nullptr || group->empty()) {
        Say("A HostedZone must contain at least one {} record for the zone itself.",
            TypeName(type));
      }
    }
  }

  Zone zone_;
  const BatchContext& context_;
  std::vector<RecordSet> touched_;
  std::vector<std::string> messages_;
};

std::string LimitMessage(const std::vector<Change>& changes) {
  std::size_t records = 0;
  std::size_t characters = 0;
  for (const Change& change : changes) {
    const std::size_t times = change.action == Action::kUpsert ? 2 : 1;
    records += times * std::max<std::size_t>(change.record.values.size(), 1);
    for (const std::string& value : change.record.values) characters += times * value.size();
  }
  if (records > kMaxRecordsInBatch) {
    return fmt::format("Number of records limit of {} exceeded.", kMaxRecordsInBatch);
  }
  if (characters > kMaxCharsInBatch) {
    return fmt::format("Size of values limit of {} characters exceeded.", kMaxCharsInBatch);
  }
  return {};
}

ApiError InvalidBatch(const std::vector<std::string>& messages) {
  return {"InvalidChangeBatch", fmt::format("[{}]", fmt::join(messages, ", ")), 400, {}};
}

}  // namespace

std::variant<Zone, ApiError> ApplyBatch(const Zone& zone, const Value& batch,
                                        const BatchContext& context) {
  std::vector<Change> changes;
  for (const Value& shape : batch.Items("Changes")) {
    auto read = ReadChange(shape);
    if (const auto* error = std::get_if<ApiError>(&read)) return *error;
    changes.push_back(std::move(std::get<Change>(read)));
    const Change& change = changes.back();
    if (change.action != Action::kDelete && !change.record.health_check.empty() &&
        !context.health_check_exists(change.record.health_check)) {
      return ApiError{
          "NoSuchHealthCheck",
          fmt::format("A health check with id {} does not exist.", change.record.health_check),
          404,
          {}};
    }
  }
  if (changes.empty()) return InvalidInput("Invalid request: Changes must not be empty");
  const std::string over = LimitMessage(changes);
  if (!over.empty()) return InvalidBatch({over});
  Batch work(zone, context);
  for (const Change& change : changes) work.Apply(change);
  work.CheckWhole();
  if (!work.messages().empty()) return InvalidBatch(work.messages());
  return std::move(work).zone();
}

}  // namespace leeward::lab
