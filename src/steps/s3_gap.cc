// What one Region's bucket has and the other has not, by S3's own word on each object. S3 gives a
// copy up when it failed, and copies nothing that was there before its rule: neither is ever made
// good by waiting, so both are counted and named.
#include <algorithm>
#include <set>
#include <utility>

#include "steps/s3.h"

namespace leeward::steps {
namespace {

using model::S3;

constexpr int kMostPages = 20;             // of a bucket's list, 1,000 versions each
constexpr std::size_t kMostAsked = 1'000;  // objects whose status is asked for, the newest
constexpr std::size_t kMostNamed = 20;

struct ObjectVersion {
  std::string key, version;
  base::WallTime modified;
};

struct Listed {
  std::vector<ObjectVersion> versions;
  bool whole = true;
};

Result<Listed> ListVersionsOf(const Work& work, const S3& s3, const Region& region,
                              std::optional<base::WallTime> before) {
  Listed listed;
  Value input = Value::Struct({{"Bucket", s3.bucket(work.application().regions, region)}});
  if (!s3.prefix.empty()) input.Set("Prefix", s3.prefix);
  for (int page = 0; page < kMostPages; ++page) {
    ASSIGN_OR_RETURN(const Value told,
                     work.CallPatiently(region, "s3", "ListObjectVersions", input));
    for (const Value& one : told.Items("Versions")) {
      const std::string key(one.String("Key"));
      const Value* modified = one.Find("LastModified");
      if (modified == nullptr || IsLeewards(s3.prefix, key)) continue;
      if (before && modified->time() > *before) continue;
      listed.versions.push_back({key, std::string(one.String("VersionId")), modified->time()});
    }
    if (!told.Flag("IsTruncated", false)) return listed;
    input.Set("KeyMarker", told.String("NextKeyMarker"));
    input.Set("VersionIdMarker", told.String("NextVersionIdMarker"));
  }
  listed.whole = false;
  return listed;
}

// What S3 says of the copy of one version; absent: it is gone meanwhile.
Result<std::optional<std::string>> CopyOf(const Work& work, const std::string& bucket,
                                          const Region& region, const ObjectVersion& version) {
  Value input = Value::Struct({{"Bucket", bucket}, {"Key", version.key}});
  if (!version.version.empty()) input.Set("VersionId", version.version);
  const auto told = work.CallPatiently(region, "s3", "HeadObject", input);
  if (!told.ok() && told.error().code() == base::ErrorCode::kNotFound)
    return std::optional<std::string>();
  if (!told.ok()) return told.error();
  return std::optional<std::string>(told->String("ReplicationStatus"));
}

// What is copied stays so.
bool IsCopied(const std::string& status) {
  return status == "COMPLETED" || status == "COMPLETE" || status == "REPLICA";
}

void Count(const ObjectVersion& version, const std::string& status, CopyGap& gap) {
  if (IsCopied(status)) return;
  std::int64_t& count = status == "PENDING"  ? gap.pending
                        : status == "FAILED" ? gap.failed
                                             : gap.never;
  ++count;
  if (gap.names.size() >= kMostNamed) return;
  gap.names.push_back(version.key + " (" + (status.empty() ? "no rule" : status) + ")");
}

// Keys and versions that an earlier look of the same wait found copied.
using CopiedVersions = std::set<std::pair<std::string, std::string>>;

Result<CopyGap> LookForGap(const Work& work, const S3& s3, const Region& region,
                           std::optional<base::WallTime> before, CopiedVersions& copied) {
  ASSIGN_OR_RETURN(Listed listed, ListVersionsOf(work, s3, region, before));
  std::sort(listed.versions.begin(), listed.versions.end(),
            [](const ObjectVersion& one, const ObjectVersion& other) {
              return one.modified > other.modified;
            });
  CopyGap gap;
  gap.cure = s3.batch_role.empty()
                 ? "start S3 Batch Replication for them, or write `batch-role` in the spec"
                 : "`leeward protect` starts S3 Batch Replication for them, as the failback does";
  gap.listed = static_cast<std::int64_t>(listed.versions.size());
  gap.whole = listed.whole && listed.versions.size() <= kMostAsked;
  if (listed.versions.size() > kMostAsked) listed.versions.resize(kMostAsked);
  const std::string& bucket = s3.bucket(work.application().regions, region);
  for (const ObjectVersion& version : listed.versions) {
    const std::pair name(version.key, version.version);
    if (copied.contains(name)) {
      ++gap.asked;
      continue;
    }
    ASSIGN_OR_RETURN(const std::optional<std::string> status,
                     CopyOf(work, bucket, region, version));
    if (!status) continue;
    ++gap.asked;
    Count(version, *status, gap);
    if (IsCopied(*status)) copied.insert(name);
  }
  return gap;
}

}  // namespace

Result<CopyGap> GapOf(const Work& work, const S3& s3, const Region& region,
                      std::optional<base::WallTime> before) {
  CopiedVersions none;
  return LookForGap(work, s3, region, before, none);
}

std::string GapTold(const CopyGap& gap, const std::string& place, const Region& other) {
  const std::string looked = gap.whole ? ""
                                       : " (of the newest " + std::to_string(gap.asked) +
                                             " that were looked at; it has more)";
  if (gap.count() == 0) return "every object of " + place + " is copied to " + other.str() + looked;
  std::string text = std::to_string(gap.count()) + " objects of " + place + " are not in " +
                     other.str() + looked + ": ";
  for (std::size_t i = 0; i < gap.names.size(); ++i) text += (i == 0 ? "" : ", ") + gap.names[i];
  if (static_cast<std::size_t>(gap.count()) > gap.names.size()) text += ", ...";
  if (gap.given_up() > 0) {
    text += "; S3 copies the " + std::to_string(gap.given_up()) +
            " that failed or had no rule only when told to: " + gap.cure;
  }
  return text;
}

Status CheckNothingGivenUp(const Work& work, const S3& s3, const Region& region,
                           const CopyGap& gap) {
  if (gap.given_up() == 0) return base::Ok();
  return base::WrongState(GapTold(gap, BucketPlace(work, s3, region), work.Other(region)) +
                          "; then run the same command again");
}

// By each object's own word where they can all be asked, else by CloudWatch's for those that were
// not.
Status AwaitCopied(const Work& work, const S3& s3, base::WallTime before) {
  const Region& source = work.Other(work.region());
  CopiedVersions known;
  const auto copied = work.Await<bool>(
      "what was written to " + BucketPlace(work, s3, source) + " to be copied", work.ApiPace(),
      [&]() -> Result<std::optional<bool>> {
        ASSIGN_OR_RETURN(const CopyGap gap, LookForGap(work, s3, source, before, known));
        RETURN_IF_ERROR(CheckNothingGivenUp(work, s3, source, gap));
        if (gap.pending > 0) return std::optional<bool>();
        if (gap.whole) return std::optional<bool>(true);
        ASSIGN_OR_RETURN(const std::optional<CopyLag> lag, LagInto(work, s3));
        if (lag && lag->whole_until() >= before) return std::optional<bool>(true);
        return std::optional<bool>();
      });
  return copied.ok() ? base::Ok() : Status(copied.error());
}

Result<StepOutcome> S3Gap(const Work& work) {
  ASSIGN_OR_RETURN(const S3* s3, work.Component<S3>());
  StepOutcome outcome;
  for (const Region& region : {work.region(), work.Other(work.region())}) {
    ASSIGN_OR_RETURN(const CopyGap gap, GapOf(work, *s3, region));
    outcome.detail += (outcome.detail.empty() ? "" : "; ") +
                      GapTold(gap, BucketPlace(work, *s3, region), work.Other(region));
    outcome.outputs["not_copied_of_" + region.str()] = std::to_string(gap.count());
    outcome.outputs["all_looked_at_in_" + region.str()] = gap.whole ? "yes" : "no";
  }
  return outcome;
}

}  // namespace leeward::steps
