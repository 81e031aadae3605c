#include "lab/services/route53.h"

#include <array>

#include "lab/dns/packet.h"
#include "lab/services/dispatch.h"
#include "lab/services/route53_internal.h"
#include "lab/services/saved_state.h"

namespace leeward::lab {
namespace {

using shapes::Value;

constexpr double kRequestsPerSecond = 5;
constexpr std::size_t kMaxZones = 500;
constexpr std::size_t kMaxListed = 100;
constexpr std::uint32_t kNsTtl = 172800;
constexpr std::uint32_t kSoaTtl = 900;

// Reserved names, so that nothing outside the lab can be meant by a delegation to them.
std::vector<std::string> NameServers() {
  return {"ns-1.leeward-lab.invalid", "ns-2.leeward-lab.invalid", "ns-3.leeward-lab.invalid",
          "ns-4.leeward-lab.invalid"};
}

Zone NewZone(const std::string& id, const std::string& zone_name) {
  Zone zone;
  zone.id = id;
  zone.name = zone_name;
  RecordSet ns;
  ns.name = zone_name;
  ns.type = RrType::kNs;
  ns.ttl = kNsTtl;
  for (const std::string& server : NameServers()) ns.values.push_back(server + ".");
  RecordSet soa;
  soa.name = zone_name;
  soa.type = RrType::kSoa;
  soa.ttl = kSoaTtl;
  soa.values = {NameServers().front() + ". awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"};
  zone.sets[{SortKey(zone_name), RrType::kNs}] = {ns};
  zone.sets[{SortKey(zone_name), RrType::kSoa}] = {soa};
  return zone;
}

std::string NewId(ports::Random& random, std::string_view prefix, int length) {
  std::string id(prefix);
  while (static_cast<int>(id.size()) < length) {
    id += "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[random.Below(36)];
  }
  return id;
}

}  // namespace

struct Route53Operations {
  using Row = OperationRow<Route53>;
  static constexpr std::array kTable = {
      Row{"CreateHostedZone", &Route53::CreateHostedZone},
      Row{"GetHostedZone", &Route53::GetHostedZone},
      Row{"ListHostedZones", &Route53::ListHostedZones},
      Row{"ListHostedZonesByName", &Route53::ListHostedZonesByName},
      Row{"GetHostedZoneCount", &Route53::GetHostedZoneCount},
      Row{"UpdateHostedZoneComment", &Route53::UpdateHostedZoneComment},
      Row{"DeleteHostedZone", &Route53::DeleteHostedZone},
      Row{"ChangeResourceRecordSets", &Route53::ChangeResourceRecordSets},
      Row{"ListResourceRecordSets", &Route53::ListResourceRecordSets},
      Row{"GetChange", &Route53::GetChange},
      Row{"TestDNSAnswer", &Route53::TestDNSAnswer},
      Row{"ChangeTagsForResource", &Route53::ChangeTagsForResource},
      Row{"ListTagsForResource", &Route53::ListTagsForResource},
      Row{"CreateHealthCheck", &Route53::CreateHealthCheck},
      Row{"GetHealthCheck", &Route53::GetHealthCheck},
      Row{"ListHealthChecks", &Route53::ListHealthChecks},
      Row{"GetHealthCheckCount", &Route53::GetHealthCheckCount},
      Row{"UpdateHealthCheck", &Route53::UpdateHealthCheck},
      Row{"DeleteHealthCheck", &Route53::DeleteHealthCheck},
      Row{"GetHealthCheckStatus", &Route53::GetHealthCheckStatus},
      Row{"GetHealthCheckLastFailureReason", &Route53::GetHealthCheckLastFailureReason},
      Row{"GetCheckerIpRanges", &Route53::GetCheckerIpRanges},
  };
};

Route53::~Route53() = default;

std::vector<std::string_view> Route53::operations() const {
  return OperationNames(Route53Operations::kTable);
}

void Route53::Handle(const Call& call, Reply reply) {
  if (!TakeRequestToken()) {
    return reply(ApiError{"Throttling", "Rate exceeded", 400, {}});
  }
  RunOperation(*this, Route53Operations::kTable, call, std::move(reply));
}

// Five requests a second for the account, in a bucket of five.
bool Route53::TakeRequestToken() {
  const base::MonotonicTime now = host_.clock().Monotonic();
  request_tokens_ =
      std::min(kRequestsPerSecond,
               request_tokens_ + base::Seconds(now - tokens_counted_) * kRequestsPerSecond);
  tokens_counted_ = now;
  if (request_tokens_ < 1) return false;
  request_tokens_ -= 1;
  return true;
}

base::Status Route53::Start() {
  RETURN_IF_ERROR(Load());
  ASSIGN_OR_RETURN(auto probes, Reactor::Start());
  probes_ = std::move(probes);
  if (!host_.DnsAddress().empty()) {
    ASSIGN_OR_RETURN(const Endpoint endpoint, ParseEndpoint(host_.DnsAddress()));
    ASSIGN_OR_RETURN(dns_, DnsServer::Start(endpoint, host_.random().Next()));
  }
  for (auto& [id, check] : checks_) Watch(check);
  PublishWorld();
  AgeLoadBalancers();
  return base::Ok();
}

Route53::HostedZone* Route53::FindZone(std::string_view id) {
  const auto found = zones_.find(BareId(id));
  return found == zones_.end() ? nullptr : &found->second;
}

Value Route53::ZoneShape(const HostedZone& zone) const {
  Value config = Value::Struct({{"PrivateZone", false}});
  if (!zone.comment.empty()) config.Set("Comment", zone.comment);
  return Value::Struct(
      {{"Id", "/hostedzone/" + zone.id},
       {"Name", ListedName(zone.records->name)},
       {"CallerReference", zone.caller_reference},
       {"Config", config},
       {"ResourceRecordSetCount", static_cast<std::int64_t>(CountRecords(*zone.records))}});
}

Value DelegationShape(const std::vector<std::string>& servers) {
  Value::List list;
  for (const std::string& server : servers) list.emplace_back(server);
  return Value::Struct({{"NameServers", std::move(list)}});
}

Answer Route53::CreateHostedZone(const Value& input) {
  const std::string reference(input.String("CallerReference"));
  if (input.Has("VPC") || input.Sub("HostedZoneConfig").Flag("PrivateZone", false)) {
    return Route53Invalid("Private hosted zones are not served by this lab.");
  }
  if (input.Has("DelegationSetId")) {
    return Route53Invalid("Reusable delegation sets are not served by this lab.");
  }
  const std::string zone_name = CanonicalName(input.String("Name"));
  if (!IsValidRecordData(RrType::kNs, zone_name) || zone_name == ".") {
    return ApiError{"InvalidDomainName",
                    fmt::format("{} is not a valid domain name", input.String("Name")),
                    400,
                    {}};
  }
  for (const auto& [id, zone] : zones_) {
    if (zone.caller_reference == reference) {
      return ApiError{
          "HostedZoneAlreadyExists",
          fmt::format(
              "A hosted zone has already been created with the specified caller reference: {}",
              reference),
          409,
          {}};
    }
    // AWS gives zones of one name different servers; the lab has one set, so one name is one zone.
    if (zone.records->name == zone_name) {
      return ApiError{"ConflictingDomainExists",
                      fmt::format("The lab already has a hosted zone for {}: {}", zone_name, id),
                      400,
                      {}};
    }
  }
  if (zones_.size() >= kMaxZones) {
    return ApiError{
        "TooManyHostedZones",
        fmt::format(
            "Limits Exceeded: MAX_HOSTED_ZONES_BY_OWNER - Cannot create more than {} hosted zones.",
            kMaxZones),
        400,
        {}};
  }
  HostedZone zone;
  zone.id = NewId(host_.random(), "Z", 21);
  zone.caller_reference = reference;
  zone.comment = input.Sub("HostedZoneConfig").String("Comment");
  zone.name_servers = NameServers();
  zone.tags = Value::EmptyList();
  zone.records = std::make_shared<Zone>(NewZone(zone.id, zone_name));
  const std::string id = zone.id;
  const HostedZone& added = zones_.emplace(id, std::move(zone)).first->second;
  const ChangeRecord& change = AddChange(id, "");
  Propagate(id, change.id);
  Save();
  return Value::Struct({{"HostedZone", ZoneShape(added)},
                        {"ChangeInfo", ChangeShape(change)},
                        {"DelegationSet", DelegationShape(added.name_servers)},
                        {"Location", "https://route53.amazonaws.com/2013-04-01/hostedzone/" + id}});
}

Answer Route53::GetHostedZone(const Value& input) {
  const HostedZone* zone = FindZone(input.String("Id"));
  if (zone == nullptr) return NoSuchZone(BareId(input.String("Id")));
  return Value::Struct(
      {{"HostedZone", ZoneShape(*zone)}, {"DelegationSet", DelegationShape(zone->name_servers)}});
}

Answer Route53::ListHostedZones(const Value& input) {
  const std::size_t most = MaxItems(input, kMaxListed);
  const std::string_view marker = BareId(input.String("Marker"));
  if (input.Has("DelegationSetId")) {
    return ApiError{"NoSuchDelegationSet",
                    "The lab has no reusable delegation sets: leave DelegationSetId out.",
                    400,
                    {}};
  }
  Value::List listed;
  std::string next;
  // Every zone of the lab is public.
  const bool none = input.String("HostedZoneType") == "PrivateHostedZone";
  for (auto it = zones_.lower_bound(marker); !none && it != zones_.end(); ++it) {
    if (listed.size() == most) {
      next = it->first;
      break;
    }
    listed.push_back(ZoneShape(it->second));
  }
  Value output = Value::Struct({{"HostedZones", std::move(listed)},
                                {"Marker", marker},
                                {"IsTruncated", !next.empty()},
                                {"MaxItems", std::to_string(most)}});
  if (!next.empty()) output.Set("NextMarker", next);
  return output;
}

Answer Route53::ListHostedZonesByName(const Value& input) {
  const std::size_t most = MaxItems(input, kMaxListed);
  std::vector<const HostedZone*> sorted;
  for (const auto& [id, zone] : zones_) sorted.push_back(&zone);
  std::ranges::sort(sorted, {}, [](const HostedZone* z) { return SortKey(z->records->name); });
  Value output = Value::Struct({{"HostedZones", Value::EmptyList()},
                                {"IsTruncated", false},
                                {"MaxItems", std::to_string(most)}});
  const std::string start =
      input.Has("DNSName") ? SortKey(CanonicalName(input.String("DNSName"))) : std::string();
  if (input.Has("DNSName")) output.Set("DNSName", CanonicalName(input.String("DNSName")));
  for (const HostedZone* zone : sorted) {
    if (SortKey(zone->records->name) < start) continue;
    Value::List& listed = output.Find("HostedZones")->list();
    if (listed.size() == most) {
      output.Set("IsTruncated", true);
      output.Set("NextDNSName", zone->records->name);
      output.Set("NextHostedZoneId", zone->id);
      break;
    }
    listed.push_back(ZoneShape(*zone));
  }
  return output;
}

Answer Route53::GetHostedZoneCount(const Value& /*input*/) {
  return Value::Struct({{"HostedZoneCount", static_cast<std::int64_t>(zones_.size())}});
}

Answer Route53::UpdateHostedZoneComment(const Value& input) {
  HostedZone* zone = FindZone(input.String("Id"));
  if (zone == nullptr) return NoSuchZone(BareId(input.String("Id")));
  zone->comment = input.String("Comment");
  Save();
  return Value::Struct({{"HostedZone", ZoneShape(*zone)}});
}

Answer Route53::DeleteHostedZone(const Value& input) {
  const HostedZone* zone = FindZone(input.String("Id"));
  if (zone == nullptr) return NoSuchZone(BareId(input.String("Id")));
  if (CountRecords(*zone->records) > 2) {  // the apex's NS and SOA may stay
    return ApiError{"HostedZoneNotEmpty",
                    "The specified hosted zone contains non-required resource record sets and so "
                    "cannot be deleted.",
                    400,
                    {}};
  }
  zones_.erase(zone->id);
  ChangeRecord& change = AddChange("", "");
  const Value shape = ChangeShape(change);
  change.in_sync = true;
  PublishWorld();
  Save();
  return Value::Struct({{"ChangeInfo", shape}});
}

Route53::ChangeRecord& Route53::AddChange(std::string zone_id, std::string_view comment) {
  constexpr std::size_t kKeptChanges = 1000;
  if (changes_.size() >= kKeptChanges) changes_.erase(changes_.begin());
  changes_.push_back({NewId(host_.random(), "C", 21), std::move(zone_id), std::string(comment),
                      host_.clock().Now(), false});
  return changes_.back();
}

Value Route53::ChangeShape(const ChangeRecord& change) const {
  Value shape = Value::Struct({{"Id", "/change/" + change.id},
                               {"Status", change.in_sync ? "INSYNC" : "PENDING"},
                               {"SubmittedAt", change.submitted}});
  if (!change.comment.empty()) shape.Set("Comment", change.comment);
  return shape;
}

std::unique_ptr<Service> MakeRoute53(Host& host) { return std::make_unique<Route53>(host); }

}  // namespace leeward::lab
