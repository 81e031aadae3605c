#include "lab/services/elasticache_global.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <tuple>

#include "base/bytes.h"

namespace leeward::lab::elasticache {
namespace {

using shapes::Value;

constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kPrefixes = {{
    {"us-east-1", "ldgnf"},
    {"us-west-2", "sgaui"},
    {"eu-west-1", "gxeiz"},
}};
constexpr std::size_t kPrefixLength = 5;
constexpr std::size_t kMostSamples = 4096;

bool MergePrimary(PrimaryPart& mine, const PrimaryPart& theirs) {
  if (std::tie(theirs.epoch, theirs.decider) <= std::tie(mine.epoch, mine.decider)) return false;
  mine = theirs;
  return true;
}

bool MergeSettings(SettingsPart& mine, const SettingsPart& theirs) {
  if (std::tie(theirs.version, theirs.decider) <= std::tie(mine.version, mine.decider))
    return false;
  mine = theirs;
  return true;
}

bool MergeMember(MemberPart& mine, const MemberPart& theirs) {
  const auto rank = [](const MemberPart& part) {
    return std::make_tuple(part.generation, part.removed, part.version);
  };
  if (rank(theirs) <= rank(mine)) return false;
  mine = theirs;
  return true;
}

Value ToValue(const MemberPart& member) {
  return Value::Struct({{"Region", member.region},
                        {"GroupId", member.group_id},
                        {"Generation", member.generation},
                        {"Version", member.version},
                        {"Removed", member.removed},
                        {"Associated", member.associated},
                        {"AutomaticFailover", member.automatic_failover},
                        {"Address", member.address},
                        {"Port", static_cast<std::int64_t>(member.port)}});
}

MemberPart MemberOf(const Value& saved) {
  MemberPart member;
  member.region = saved.String("Region");
  member.group_id = saved.String("GroupId");
  member.generation = saved.Int("Generation");
  member.version = saved.Int("Version");
  member.removed = saved.Flag("Removed", false);
  member.associated = saved.Flag("Associated", false);
  member.automatic_failover = saved.Flag("AutomaticFailover", false);
  member.address = saved.String("Address");
  member.port = static_cast<std::uint16_t>(saved.Int("Port"));
  return member;
}

}  // namespace

bool Merge(GlobalRecord& mine, const GlobalRecord& theirs) {
  bool changed = MergePrimary(mine.primary, theirs.primary);
  changed = MergeSettings(mine.settings, theirs.settings) || changed;
  for (const auto& [region, member] : theirs.members) {
    const auto [known, added] = mine.members.emplace(region, member);
    changed = added || MergeMember(known->second, member) || changed;
  }
  // One Region let a member go while that one, out of its sight, became the writer: the writer
  // stays.
  const auto writer = mine.members.find(mine.primary.region);
  if (writer != mine.members.end() && writer->second.removed) {
    writer->second.removed = false;
    ++writer->second.generation;
    changed = true;
  }
  return changed;
}

Value ToValue(const GlobalRecord& record) {
  Value members = Value::EmptyList();
  for (const auto& [region, member] : record.members) members.list().push_back(ToValue(member));
  return Value::Struct({{"Id", record.id},
                        {"Primary", Value::Struct({{"Epoch", record.primary.epoch},
                                                   {"Decider", record.primary.decider},
                                                   {"Region", record.primary.region},
                                                   {"Target", record.primary.target}})},
                        {"Settings", Value::Struct({{"Version", record.settings.version},
                                                    {"Decider", record.settings.decider},
                                                    {"Status", record.settings.status},
                                                    {"Members", record.settings.members}})},
                        {"Members", std::move(members)}});
}

GlobalRecord RecordOf(const Value& saved) {
  GlobalRecord record;
  record.id = saved.String("Id");
  const Value& primary = saved.Sub("Primary");
  record.primary = {primary.Int("Epoch"), std::string(primary.String("Decider")),
                    std::string(primary.String("Region")), std::string(primary.String("Target"))};
  const Value& settings = saved.Sub("Settings");
  record.settings = {settings.Int("Version"), std::string(settings.String("Decider")),
                     std::string(settings.String("Status")), settings.Sub("Members")};
  for (const Value& member : saved.Items("Members")) {
    record.members[std::string(member.String("Region"))] = MemberOf(member);
  }
  return record;
}

std::vector<const MemberPart*> Members(const GlobalRecord& record) {
  std::vector<const MemberPart*> members;
  for (const auto& [region, member] : record.members) {
    if (!member.removed) members.push_back(&member);
  }
  return members;
}

const MemberPart* FindMember(const GlobalRecord& record, std::string_view region) {
  const auto found = record.members.find(region);
  return found == record.members.end() || found->second.removed ? nullptr : &found->second;
}

std::string_view Status(const GlobalRecord& record) {
  if (record.settings.status != "available") return record.settings.status;
  const auto members = Members(record);
  const bool joining = std::any_of(members.begin(), members.end(),
                                   [](const MemberPart* member) { return !member->associated; });
  if (!record.primary.target.empty() || joining) return "modifying";
  return members.size() == 1 ? "primary-only" : "available";
}

Value Describe(const Host& host, const GlobalRecord& record, MemberInfo info) {
  Value out = record.settings.members;
  out.Set("GlobalReplicationGroupId", record.id);
  out.Set("Status", Status(record));
  out.Set("ClusterEnabled", false);
  out.Set("AuthTokenEnabled", false);
  out.Set("TransitEncryptionEnabled", false);
  if (!out.Has("AtRestEncryptionEnabled")) out.Set("AtRestEncryptionEnabled", false);
  // A datastore is in no Region.
  out.Set("ARN", fmt::format("arn:aws:elasticache::{}:globalreplicationgroup:{}", host.account(),
                             record.id));
  if (info == MemberInfo::kHide) return out;
  Value members = Value::EmptyList();
  for (const MemberPart* member : Members(record)) {
    members.list().push_back(
        Value::Struct({{"ReplicationGroupId", member->group_id},
                       {"ReplicationGroupRegion", member->region},
                       {"Role", member->region == record.primary.region ? "PRIMARY" : "SECONDARY"},
                       {"AutomaticFailover", member->automatic_failover ? "enabled" : "disabled"},
                       {"Status", member->associated ? "associated" : "associating"}}));
  }
  out.Set("Members", std::move(members));
  return out;
}

std::string RegionPrefix(std::string_view region) {
  for (const auto& [known, prefix] : kPrefixes) {
    if (known == region) return std::string(prefix);
  }
  const std::string digest = base::Sha256Hex(region);
  std::string prefix;
  for (std::size_t i = 0; i < kPrefixLength; ++i) {
    prefix += static_cast<char>('a' + (digest[i] + digest[i + kPrefixLength]) % 26);
  }
  return prefix;
}

const std::vector<std::string>& KnownRegions() {
  static const std::vector<std::string> kRegions = {
      "us-east-1",      "us-west-2",    "eu-west-1",      "us-east-2",      "us-west-1",
      "af-south-1",     "ap-east-1",    "ap-northeast-1", "ap-northeast-2", "ap-northeast-3",
      "ap-south-1",     "ap-south-2",   "ap-southeast-1", "ap-southeast-2", "ap-southeast-3",
      "ap-southeast-4", "ca-central-1", "ca-west-1",      "eu-central-1",   "eu-central-2",
      "eu-north-1",     "eu-south-1",   "eu-south-2",     "eu-west-2",      "eu-west-3",
      "il-central-1",   "me-central-1", "me-south-1",     "sa-east-1"};
  return kRegions;
}

void LagMeter::SourceHas(base::MonotonicTime at, std::int64_t offset) {
  // A source that has less than before has begun anew.
  if (!samples_.empty() && offset < samples_.back().offset) samples_.clear();
  if (samples_.size() >= kMostSamples) samples_.erase(samples_.begin() + 1);
  samples_.push_back({at, offset});
}

std::optional<double> LagMeter::Behind(base::MonotonicTime now, std::int64_t replica_offset) {
  if (samples_.empty()) return std::nullopt;
  const auto lacking = std::find_if(samples_.begin(), samples_.end(), [&](const Sample& sample) {
    return sample.offset > replica_offset;
  });
  // What it has is of no more use, but for the newest of it.
  if (lacking != samples_.begin()) {
    const auto newest = lacking - 1;
    const bool all = lacking == samples_.end();
    const Sample kept = *newest;
    samples_.erase(samples_.begin(), all ? samples_.end() : lacking);
    if (all) {
      samples_.push_back(kept);
      return now - kept.at <= fresh_ ? 0.0 : base::Seconds(now - kept.at);
    }
  }
  return base::Seconds(now - samples_.front().at);
}

}  // namespace leeward::lab::elasticache
