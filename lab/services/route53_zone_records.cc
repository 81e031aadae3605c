// Route 53: records, the spreading of changes, test answers and tags.
#include <array>

#include "lab/services/route53.h"
#include "lab/services/route53_internal.h"

namespace leeward::lab {
namespace {

using shapes::Value;
using namespace std::chrono_literals;

// AWS spreads a change to its name servers "usually within 60 seconds".
constexpr base::Duration kSpreadFast = 50ms;
constexpr base::Duration kSpreadAws = 30s;
// How long a zone takes no second change (PriorRequestNotComplete).
constexpr base::Duration kBusyFast = 10ms;
constexpr base::Duration kBusyAws = 500ms;
constexpr std::size_t kMaxListed = 300;
constexpr std::size_t kMaxTags = 10;

}  // namespace

void Route53::Propagate(const std::string& zone_id, const std::string& change_id) {
  const HostedZone* zone = FindZone(zone_id);
  host_.After(host_.pace() == Pace::kFast ? kSpreadFast : kSpreadAws,
              [this, zone_id, change_id, records = zone->records] {
                if (HostedZone* now = FindZone(zone_id)) now->live = records;
                const auto change = std::ranges::find(changes_, change_id, &ChangeRecord::id);
                if (change != changes_.end()) change->in_sync = true;
                PublishWorld();
              });
}

Answer Route53::ChangeResourceRecordSets(const Value& input) {
  HostedZone* zone = FindZone(input.String("HostedZoneId"));
  if (zone == nullptr) return NoSuchZone(BareId(input.String("HostedZoneId")));
  const base::MonotonicTime now = host_.clock().Monotonic();
  if (now < zone->busy_until) {
    return ApiError{
        "PriorRequestNotComplete",
        "The request was rejected because Route 53 was still processing a prior request.",
        400,
        {}};
  }
  const BatchContext context{
      [this](std::string_view id) { return checks_.find(id) != checks_.end(); },
      [this](std::string_view target) -> const KnownLoadBalancer* {
        const auto found = load_balancers_.find(target);
        return found == load_balancers_.end() ? nullptr : &found->second.known;
      }};
  const Value& batch = input.Sub("ChangeBatch");
  auto applied = ApplyBatch(*zone->records, batch, context);
  if (const auto* error = std::get_if<ApiError>(&applied)) return *error;
  zone->records = std::make_shared<Zone>(std::get<Zone>(std::move(applied)));
  zone->busy_until = now + (host_.pace() == Pace::kFast ? kBusyFast : kBusyAws);
  const ChangeRecord& change = AddChange(zone->id, batch.String("Comment"));
  Propagate(zone->id, change.id);
  Save();
  return Value::Struct({{"ChangeInfo", ChangeShape(change)}});
}

Answer Route53::ListResourceRecordSets(const Value& input) {
  const HostedZone* zone = FindZone(input.String("HostedZoneId"));
  if (zone == nullptr) return NoSuchZone(BareId(input.String("HostedZoneId")));
  const bool by_name = input.Has("StartRecordName");
  if (input.Has("StartRecordType") && !by_name) {
    return Route53Invalid("The input StartRecordType needs StartRecordName.");
  }
  if (input.Has("StartRecordIdentifier") && !input.Has("StartRecordType")) {
    return Route53Invalid("The input StartRecordIdentifier needs StartRecordType.");
  }
  const auto start =
      std::tuple(by_name ? SortKey(CanonicalName(input.String("StartRecordName"))) : "",
                 input.String("StartRecordType"), input.String("StartRecordIdentifier"));
  const std::size_t most = MaxItems(input, kMaxListed);
  Value::List listed;
  Value output = Value::Struct({{"IsTruncated", false}, {"MaxItems", std::to_string(most)}});
  for (const RecordSet* record : ListOrder(*zone->records)) {
    const auto key = std::tuple(SortKey(record->name), TypeName(record->type),
                                std::string_view(record->set_identifier));
    if (key < start) continue;
    if (listed.size() == most) {
      output.Set("IsTruncated", true);
      output.Set("NextRecordName", ListedName(record->name));
      output.Set("NextRecordType", TypeName(record->type));
      if (!record->set_identifier.empty())
        output.Set("NextRecordIdentifier", record->set_identifier);
      break;
    }
    listed.push_back(RecordShape(*record));
  }
  output.Set("ResourceRecordSets", std::move(listed));
  return output;
}

Answer Route53::GetChange(const Value& input) {
  const std::string_view id = BareId(input.String("Id"));
  const auto change = std::ranges::find(changes_, id, &ChangeRecord::id);
  if (change == changes_.end()) {
    return ApiError{
        "NoSuchChange", fmt::format("A change with id {} does not exist.", id), 404, {}};
  }
  return Value::Struct({{"ChangeInfo", ChangeShape(*change)}});
}

// What the DNS server answers at this instant.
Answer Route53::TestDNSAnswer(const Value& input) {
  const HostedZone* zone = FindZone(input.String("HostedZoneId"));
  if (zone == nullptr) return NoSuchZone(BareId(input.String("HostedZoneId")));
  for (const char* member : {"ResolverIP", "EDNS0ClientSubnetIP", "EDNS0ClientSubnetMask"}) {
    if (!input.Has(member)) continue;
    return Route53Invalid(fmt::format(
        "{} is not served by this lab, which does not know where resolvers are; leave it out.",
        member));
  }
  const auto type = TypeByName(input.String("RecordType"));
  if (!type)
    return Route53Invalid(fmt::format("Unknown record type {}", input.String("RecordType")));
  const std::string record_name = CanonicalName(input.String("RecordName"));
  if (!IsWithin(record_name, zone->records->name)) {
    return Route53Invalid(
        fmt::format("{} is not in hosted zone {}", record_name, zone->records->name));
  }
  const Draw draw = [this](std::uint64_t bound) { return host_.random().Below(bound); };
  const DnsAnswer answer = Resolve(*world_, {record_name, *type}, draw);
  Value::List data;
  for (const Rr& record : answer.answer) data.emplace_back(record.value);
  return Value::Struct({{"Nameserver", zone->name_servers.front()},
                        {"RecordName", input.String("RecordName")},
                        {"RecordType", input.String("RecordType")},
                        {"RecordData", std::move(data)},
                        {"ResponseCode", RcodeName(answer.rcode)},
                        {"Protocol", "UDP"}});
}

Value* Route53::TagsOf(std::string_view type, std::string_view id) {
  if (type == "hostedzone") {
    HostedZone* zone = FindZone(id);
    return zone == nullptr ? nullptr : &zone->tags;
  }
  const auto check = checks_.find(id);
  return check == checks_.end() ? nullptr : &check->second.tags;
}

Answer Route53::ChangeTagsForResource(const Value& input) {
  const std::string_view type = input.String("ResourceType");
  const std::string_view id = input.String("ResourceId");
  Value* tags = TagsOf(type, id);
  if (tags == nullptr) return type == "hostedzone" ? NoSuchZone(id) : NoSuchCheck(id);
  Value::List changed = tags->list();
  const auto remove = [&](std::string_view key) {
    std::erase_if(changed, [&](const Value& tag) { return tag.String("Key") == key; });
  };
  for (const Value& key : input.Items("RemoveTagKeys")) remove(key.str());
  for (const Value& tag : input.Items("AddTags")) {
    remove(tag.String("Key"));
    changed.push_back(tag);
  }
  if (changed.size() > kMaxTags) return Route53Invalid(fmt::format("At most {} tags", kMaxTags));
  *tags = Value(std::move(changed));
  Save();
  return Value::Struct();
}

Answer Route53::ListTagsForResource(const Value& input) {
  const std::string_view type = input.String("ResourceType");
  const std::string_view id = input.String("ResourceId");
  const Value* tags = TagsOf(type, id);
  if (tags == nullptr) return type == "hostedzone" ? NoSuchZone(id) : NoSuchCheck(id);
  return Value::Struct(
      {{"ResourceTagSet",
        Value::Struct({{"ResourceType", type}, {"ResourceId", id}, {"Tags", *tags}})}});
}

}  // namespace leeward::lab
