#include "lab/services/s3_list.h"

#include <algorithm>

#include "base/bytes.h"
#include "lab/services/s3_checks.h"

namespace leeward::lab::s3 {
namespace {

using shapes::Value;

constexpr std::int64_t kMaxKeys = 1000;

// What both kinds of list ask.
struct Wish {
  std::string prefix;
  std::string delimiter;
  std::int64_t limit = kMaxKeys;
  bool url = false;

  std::string Write(std::string_view key) const {
    return url ? base::PercentEncode(key, "/") : std::string(key);
  }
  // The common prefix that the key is rolled up in; empty: none.
  std::string Rolled(std::string_view key) const {
    if (delimiter.empty()) return "";
    const auto at = key.find(delimiter, prefix.size());
    return at == std::string_view::npos ? "" : std::string(key.substr(0, at + delimiter.size()));
  }
};

Problem ReadWish(const Value& input, Wish* wish) {
  wish->prefix = input.String("Prefix");
  wish->delimiter = input.String("Delimiter");
  wish->url = input.String("EncodingType") == "url";
  const std::int64_t limit = input.Int("MaxKeys", kMaxKeys);
  if (limit < 0)
    return S3Invalid("InvalidArgument",
                     "Argument maxKeys must be an integer between 0 and 2147483647");
  wish->limit = std::min(limit, kMaxKeys);
  return std::nullopt;
}

// The first key behind all that begin so; empty: there is none.
std::string Behind(std::string text) {
  while (!text.empty() && static_cast<unsigned char>(text.back()) == 0xFF) text.pop_back();
  if (!text.empty()) text.back() = static_cast<char>(static_cast<unsigned char>(text.back()) + 1);
  return text;
}

// "k" and the last key, or "p" and the last common prefix.
std::string Token(char kind, const std::string& last) { return base::Base64Encode(kind + last); }

template <typename Keys>
auto SkipPrefix(const Keys& keys, const std::string& prefix) {
  const std::string behind = Behind(prefix);
  return behind.empty() ? keys.end() : keys.lower_bound(behind);
}

Value Prefixes(const Wish& wish, const std::vector<std::string>& prefixes) {
  Value::List list;
  for (const std::string& each : prefixes)
    list.push_back(Value::Struct({{"Prefix", wish.Write(each)}}));
  return Value(std::move(list));
}

void DescribeChecksum(const Version& version, Value* entry) {
  if (version.checksum.empty()) return;
  entry->Set("ChecksumAlgorithm", Value(Value::List{Value(version.checksum_algorithm)}));
  entry->Set("ChecksumType", version.composite ? "COMPOSITE" : "FULL_OBJECT");
}

Value Begin(const Bucket& bucket, const Value& input, const Wish& wish) {
  Value answer = Value::Struct({{"Name", bucket.name}, {"Prefix", wish.Write(wish.prefix)}});
  if (!wish.delimiter.empty()) answer.Set("Delimiter", wish.Write(wish.delimiter));
  answer.Set("MaxKeys", input.Int("MaxKeys", kMaxKeys));
  if (wish.url) answer.Set("EncodingType", "url");
  return answer;
}

Value DescribeObject(const Wish& wish, const std::string& key, const Version& version) {
  Value entry = Value::Struct({{"Key", wish.Write(key)},
                               {"LastModified", TimeOf(version)},
                               {"ETag", QuotedETag(version)},
                               {"Size", version.size},
                               {"StorageClass", "STANDARD"}});
  DescribeChecksum(version, &entry);
  return entry;
}

// Where a list of objects begins; false for a token that this did not give.
bool ReadPlace(const Bucket& bucket, const Value& input, const Wish& wish,
               decltype(Bucket::keys)::const_iterator* place) {
  const auto& keys = bucket.keys;
  *place = keys.lower_bound(wish.prefix);
  std::string after(input.String("StartAfter"));
  if (input.Has("ContinuationToken")) {
    const auto token = base::Base64Decode(input.String("ContinuationToken"));
    if (!token.ok() || token->size() < 2 || (token->front() != 'k' && token->front() != 'p'))
      return false;
    after = token->substr(1);
    if (token->front() == 'p') {
      *place = SkipPrefix(keys, after);
      return true;
    }
  }
  if (!after.empty() && after >= wish.prefix) *place = keys.upper_bound(after);
  return true;
}

}  // namespace

Answer ListObjects(const Bucket& bucket, const Value& input, const Value& owner) {
  Wish wish;
  if (auto problem = ReadWish(input, &wish)) return *problem;
  auto place = bucket.keys.begin();
  if (!ReadPlace(bucket, input, wish, &place))
    return S3Invalid("InvalidArgument", "The continuation token provided is incorrect");
  Value::List objects;
  std::vector<std::string> prefixes;
  std::string token;
  bool more = false;
  while (place != bucket.keys.end() && place->first.starts_with(wish.prefix)) {
    const auto& [key, versions] = *place;
    if (versions.front().is_marker) {
      ++place;
      continue;
    }
    more = static_cast<std::int64_t>(objects.size() + prefixes.size()) >= wish.limit;
    if (more) break;
    const std::string rolled = wish.Rolled(key);
    if (rolled.empty()) {
      objects.push_back(DescribeObject(wish, key, versions.front()));
      if (input.Flag("FetchOwner", false)) objects.back().Set("Owner", owner);
      token = Token('k', key);
      ++place;
    } else {
      prefixes.push_back(rolled);
      token = Token('p', rolled);
      place = SkipPrefix(bucket.keys, rolled);
    }
  }
  more = more && wish.limit > 0;
  Value answer = Begin(bucket, input, wish);
  answer.Set("KeyCount", static_cast<std::int64_t>(objects.size() + prefixes.size()));
  for (const char* given : {"ContinuationToken", "StartAfter"}) {
    if (input.Has(given)) answer.Set(given, input.String(given));
  }
  answer.Set("IsTruncated", more);
  if (more) answer.Set("NextContinuationToken", token);
  answer.Set("Contents", Value(std::move(objects)));
  answer.Set("CommonPrefixes", Prefixes(wish, prefixes));
  return answer;
}

namespace {

// A list of versions as far as it has come.
struct Versions {
  Value::List versions;
  Value::List markers;
  std::vector<std::string> prefixes;
  std::string last_key;
  std::string last_id;  // empty: what came last was a common prefix

  std::int64_t size() const {
    return static_cast<std::int64_t>(versions.size() + markers.size() + prefixes.size());
  }
};

void AddVersion(const Wish& wish, const std::string& key, const Version& version, bool latest,
                const Value& owner, Versions* list) {
  Value entry = version.is_marker
                    ? Value::Struct({{"Key", wish.Write(key)}, {"LastModified", TimeOf(version)}})
                    : DescribeObject(wish, key, version);
  entry.Set("VersionId", version.id);
  entry.Set("IsLatest", latest);
  entry.Set("Owner", owner);
  (version.is_marker ? list->markers : list->versions).push_back(std::move(entry));
  list->last_key = key;
  list->last_id = version.id;
}

// The versions of one key behind a marker. One that is gone is no place to go on from: then all of
// them are listed, rather than some left out. False: there are more than fit.
bool AddKey(const Wish& wish, const std::string& key, const Bucket::Versions& versions,
            std::string_view behind, const Value& owner, Versions* list) {
  auto from = versions.begin();
  if (!behind.empty()) {
    const auto at = std::find_if(versions.begin(), versions.end(),
                                 [&](const Version& each) { return each.id == behind; });
    if (at != versions.end()) from = std::next(at);
  }
  for (auto each = from; each != versions.end(); ++each) {
    if (list->size() >= wish.limit) return false;
    AddVersion(wish, key, *each, each == versions.begin(), owner, list);
  }
  return true;
}

Value VersionsAnswer(const Bucket& bucket, const Value& input, const Wish& wish, Versions list,
                     bool more) {
  Value answer = Begin(bucket, input, wish);
  answer.Set("KeyMarker", wish.Write(input.String("KeyMarker")));
  answer.Set("VersionIdMarker", input.String("VersionIdMarker"));
  answer.Set("IsTruncated", more);
  if (more) {
    answer.Set("NextKeyMarker", wish.Write(list.last_key));
    if (!list.last_id.empty()) answer.Set("NextVersionIdMarker", list.last_id);
  }
  answer.Set("Versions", Value(std::move(list.versions)));
  answer.Set("DeleteMarkers", Value(std::move(list.markers)));
  answer.Set("CommonPrefixes", Prefixes(wish, list.prefixes));
  return answer;
}

}  // namespace

Answer ListVersions(const Bucket& bucket, const Value& input, const Value& owner) {
  Wish wish;
  if (auto problem = ReadWish(input, &wish)) return *problem;
  const std::string marker(input.String("KeyMarker"));
  const std::string_view id = input.String("VersionIdMarker");
  if (!id.empty() && marker.empty())
    return S3Invalid("InvalidArgument",
                     "A version-id marker cannot be specified without a key marker.");
  auto place = bucket.keys.lower_bound(wish.prefix);
  if (!marker.empty() && marker >= wish.prefix) {
    const bool is_prefix = id.empty() && wish.Rolled(marker) == marker;
    place = is_prefix    ? SkipPrefix(bucket.keys, marker)
            : id.empty() ? bucket.keys.upper_bound(marker)
                         : bucket.keys.lower_bound(marker);
  }
  Versions list;
  bool fits = true;
  while (fits && place != bucket.keys.end() && place->first.starts_with(wish.prefix)) {
    const auto& [key, versions] = *place;
    const std::string rolled = wish.Rolled(key);
    if (rolled.empty()) {
      fits = AddKey(wish, key, versions, key == marker ? id : "", owner, &list);
      ++place;
    } else if (list.size() >= wish.limit) {
      fits = false;
    } else {
      list.prefixes.push_back(rolled);
      list.last_key = rolled;
      list.last_id.clear();
      place = SkipPrefix(bucket.keys, rolled);
    }
  }
  return VersionsAnswer(bucket, input, wish, std::move(list), !fits && wish.limit > 0);
}

}  // namespace leeward::lab::s3
