#include "spec/shape.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>

namespace leeward::spec {
namespace {

constexpr std::size_t kMaxName = 63, kMaxHost = 253;

bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsAlnum(char c) { return IsLower(c) || IsUpper(c) || IsDigit(c); }
bool IsPrintable(char c) { return c > ' ' && c != 127; }

bool AllOf(std::string_view text, bool (*allowed)(char)) {
  return std::all_of(text.begin(), text.end(), allowed);
}

bool AllowsName(std::string_view text) {
  return !text.empty() && text.size() <= kMaxName && IsAlnum(text.front()) &&
         AllOf(text, [](char c) { return IsAlnum(c) || c == '-' || c == '_'; });
}
// DynamoDB's rule.
bool AllowsTable(std::string_view text) {
  return text.size() >= 3 && text.size() <= 255 &&
         AllOf(text, [](char c) { return IsAlnum(c) || c == '-' || c == '_' || c == '.'; });
}
// ElastiCache's rule.
bool AllowsCache(std::string_view text) {
  return !text.empty() && text.size() <= 40 && (IsLower(text.front()) || IsUpper(text.front())) &&
         text.back() != '-' && text.find("--") == std::string_view::npos &&
         AllOf(text, [](char c) { return IsAlnum(c) || c == '-'; });
}
// Secrets Manager's letters; short enough that a name can be added to.
bool AllowsSecret(std::string_view text) {
  return !text.empty() && text.size() <= 400 && AllOf(text, [](char c) {
    return IsAlnum(c) || std::string_view("/_+=.@-").find(c) != std::string_view::npos;
  });
}
// S3's rule for buckets.
bool AllowsBucket(std::string_view text) {
  return text.size() >= 3 && text.size() <= 63 && text.find("..") == std::string_view::npos &&
         (IsLower(text.front()) || IsDigit(text.front())) &&
         (IsLower(text.back()) || IsDigit(text.back())) &&
         AllOf(text, [](char c) { return IsLower(c) || IsDigit(c) || c == '-' || c == '.'; });
}
// "arn:aws:iam::123456789012:role/path/name".
bool AllowsRole(std::string_view text) {
  constexpr std::string_view kIam = ":iam::", kRole = ":role/";
  constexpr std::size_t kAccount = 12;
  if (!text.starts_with("arn:aws") || text.size() > 512 || !AllOf(text, IsPrintable)) return false;
  const std::size_t iam = text.find(kIam);
  if (iam == std::string_view::npos) return false;
  const std::string_view rest = text.substr(iam + kIam.size());
  return rest.size() > kAccount + kRole.size() && AllOf(rest.substr(0, kAccount), IsDigit) &&
         rest.substr(kAccount).starts_with(kRole);
}
// Leeward's own keys come behind it, and a key has at most 1,024 bytes.
bool AllowsKeyPrefix(std::string_view text) {
  return !text.empty() && text.size() <= 900 && AllOf(text, IsPrintable);
}
bool AllowsHost(std::string_view text) {
  return !text.empty() && text.size() <= kMaxHost && IsAlnum(text.front()) &&
         IsAlnum(text.back()) && text.find("..") == std::string_view::npos &&
         AllOf(text, [](char c) { return IsAlnum(c) || c == '-' || c == '.' || c == '_'; });
}
bool AllowsPath(std::string_view text) {
  return !text.empty() && text.front() == '/' && AllOf(text, IsPrintable);
}
bool AllowsUrl(std::string_view text) {
  const std::string_view rest = text.starts_with("http://")    ? text.substr(7)
                                : text.starts_with("https://") ? text.substr(8)
                                                               : std::string_view{};
  return !rest.empty() && rest.find_first_of("/@") == std::string_view::npos &&
         AllOf(rest, IsPrintable);
}
bool AllowsRequest(std::string_view text) {
  const auto space = text.find(' ');
  return space != std::string_view::npos && space > 0 && AllOf(text.substr(0, space), IsUpper) &&
         AllowsPath(text.substr(space + 1));
}
bool AllowsRate(std::string_view text) {
  if (!text.ends_with("/s")) return false;
  const std::string number(text.substr(0, text.size() - 2));
  if (number.empty() || number.size() > 9 ||
      number.find_first_not_of("0123456789.") != std::string::npos)
    return false;
  const double rate = std::strtod(number.c_str(), nullptr);
  return std::count(number.begin(), number.end(), '.') <= 1 && rate >= 0.1 && rate <= 100'000;
}
bool AllowsVariable(std::string_view text) {
  return !text.empty() && !IsDigit(text.front()) &&
         AllOf(text, [](char c) { return IsAlnum(c) || c == '_'; });
}
bool AllowsAny(std::string_view text) { return !text.empty(); }
// "TABLE@REGION,REGION", two or three of them, each once.
bool AllowsPlacedTable(std::string_view text) {
  constexpr std::size_t kFewest = 2, kMost = 3;
  const auto at = text.find('@');
  if (at == std::string_view::npos) return false;
  const bool named = AllowsTable(text.substr(0, at));
  std::vector<std::string_view> regions;
  for (std::string_view rest = text.substr(at + 1);;) {
    const auto comma = rest.find(',');
    regions.push_back(rest.substr(0, comma));
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
  std::sort(regions.begin(), regions.end());
  const bool once = std::adjacent_find(regions.begin(), regions.end()) == regions.end();
  return named && once && regions.size() >= kFewest && regions.size() <= kMost &&
         std::all_of(regions.begin(), regions.end(), AllowsName);
}
bool AllowsSharedStore(std::string_view text) {
  constexpr std::string_view kSqlite = "sqlite:", kEtcd = "etcd:", kDynamoDb = "dynamodb:";
  if (text.starts_with(kSqlite)) return text.size() > kSqlite.size();
  if (text.starts_with(kDynamoDb)) return AllowsPlacedTable(text.substr(kDynamoDb.size()));
  if (!text.starts_with(kEtcd)) return false;
  text.remove_prefix(kEtcd.size());
  constexpr int kMostMembers = 9;
  for (int members = 1; members <= kMostMembers; ++members) {
    const auto comma = text.find(',');
    if (!AllowsUrl(text.substr(0, comma))) return false;
    if (comma == std::string_view::npos) return true;
    text.remove_prefix(comma + 1);
  }
  return false;
}
// Only the form: which words are signals is told with a suggestion.
bool AllowsSignals(std::string_view text) {
  constexpr std::size_t kLongest = 100;
  return !text.empty() && text.size() <= kLongest && text.front() != ' ' && text.back() != ' ' &&
         text.find("  ") == std::string_view::npos &&
         AllOf(text, [](char c) { return IsAlnum(c) || c == '-' || c == '_' || c == ' '; });
}
bool AllowsArgument(std::string_view text) {
  return !text.empty() &&
         AllOf(text, [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != 127; });
}
bool AllowsProgram(std::string_view text) {
  return AllowsArgument(text) && text.front() == '/' && text.back() != '/';
}

std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0u);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

}  // namespace

const TextRule kAnyText = {"some text", ".+", AllowsAny};
const TextRule kName = {"a name of letters, digits, '-' and '_', at most 63",
                        "^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$", AllowsName};
const TextRule kTableName = {"a table's name: 3 to 255 letters, digits, '-', '_' and '.'",
                             "^[A-Za-z0-9._-]{3,255}$", AllowsTable};
const TextRule kCacheName = {
    "1 to 40 letters, digits and single '-', beginning with a letter and not ending with '-'",
    "^[A-Za-z](-?[A-Za-z0-9]){0,39}$", AllowsCache};
const TextRule kSecretName = {"a secret's name: 1 to 400 letters, digits and /_+=.@-",
                              "^[A-Za-z0-9/_+=.@-]{1,400}$", AllowsSecret};
const TextRule kBucketName = {
    "a bucket's name: 3 to 63 lower-case letters, digits, '-' and '.', the first and the last a "
    "letter or a digit",
    "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", AllowsBucket};
const TextRule kRoleArn = {"the ARN of an IAM role, such as arn:aws:iam::123456789012:role/copier",
                           "^arn:aws[a-z-]*:iam::[0-9]{12}:role/[!-~]+$", AllowsRole};
const TextRule kKeyPrefix = {"1 to 900 printable bytes without a space", "^[!-~]{1,900}$",
                             AllowsKeyPrefix};
const TextRule kHostName = {"a host name such as shop.example.com",
                            "^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$", AllowsHost};
const TextRule kHealthPath = {"a path that begins with '/', such as /health", "^/[!-~]*$",
                              AllowsPath};
const TextRule kUrl = {"http:// or https://, a host and a port, without a path, user or password",
                       "^https?://[^/@\\s]+$", AllowsUrl};
const TextRule kRequestLine = {"a method and a path, such as POST /orders", "^[A-Z]+ /[!-~]*$",
                               AllowsRequest};
const TextRule kRate = {"a rate of writes from 0.1/s to 100000/s, such as 200/s",
                        "^[0-9]+(\\.[0-9]+)?/s$", AllowsRate};
const TextRule kVariable = {"the name of a variable, such as DB_HOST", "^[A-Za-z_][A-Za-z0-9_]*$",
                            AllowsVariable};
const TextRule kSharedStore = {
    "sqlite:FILE, or etcd: and 1 to 9 addresses such as http://10.0.0.1:2379, no user or password "
    "in them, with commas between, or dynamodb:TABLE@REGION,REGION,REGION",
    "^(sqlite:.+|etcd:https?://[^/@,\\s]+(,https?://[^/@,\\s]+){0,8}|"
    "dynamodb:[A-Za-z0-9_.-]{3,255}@[a-z0-9-]+(,[a-z0-9-]+){1,2})$",
    AllowsSharedStore};
const TextRule kSignals = {
    "application, store or control-plane, or several of them with 'and' between",
    "^(application|store|control-plane)( and (application|store|control-plane)){0,2}$",
    AllowsSignals};
const TextRule kProgram = {"the absolute path of a program, such as /usr/local/bin/shop-fenced",
                           "^/.*[^/]$", AllowsProgram};
const TextRule kArgument = {"text without control characters", "^[^\\x00-\\x1f\\x7f]+$",
                            AllowsArgument};
const TextRule kFilePath = {"a file, relative to the spec", ".+", AllowsAny};

Shape TextShape(const TextRule& rule) {
  Shape shape;
  shape.rule = &rule;
  return shape;
}
Shape IntegerShape(std::int64_t low, std::int64_t high) {
  Shape shape;
  shape.type = Shape::Type::kInteger;
  shape.low = low;
  shape.high = high;
  return shape;
}
Shape DurationShape(std::int64_t low_ns, std::int64_t high_ns) {
  Shape shape = IntegerShape(low_ns, high_ns);
  shape.type = Shape::Type::kDuration;
  return shape;
}
Shape WordShape(std::vector<std::string> words) {
  Shape shape;
  shape.type = Shape::Type::kWord;
  shape.words = std::move(words);
  return shape;
}
Shape ObjectShape(std::vector<FieldInfo> fields) {
  Shape shape;
  shape.type = Shape::Type::kObject;
  shape.fields = std::move(fields);
  return shape;
}
Shape ListShape(Shape of, std::int64_t most) {
  Shape shape;
  shape.type = Shape::Type::kList;
  shape.high = most;
  shape.of = std::make_shared<const Shape>(std::move(of));
  return shape;
}
Shape MapShape(const TextRule& keys, Shape of, std::int64_t most) {
  Shape shape = ListShape(std::move(of), most);
  shape.type = Shape::Type::kMap;
  shape.rule = &keys;
  return shape;
}

std::string Nearest(std::string_view text, const std::vector<std::string>& words) {
  constexpr std::size_t kLongest = 100;
  if (text.size() > kLongest) return {};
  std::string nearest;
  std::size_t best = std::max<std::size_t>(2, text.size() / 3) + 1;
  for (const std::string& word : words) {
    const std::size_t distance = EditDistance(text, word);
    if (distance < best && distance < word.size()) {
      best = distance;
      nearest = word;
    }
  }
  return nearest;
}

std::string Choice(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    text += (i == 0 ? "" : i + 1 == words.size() ? " or " : ", ") + words[i];
  }
  return text;
}

const std::vector<std::string>& KnownRegions() {
  static const std::vector<std::string> kRegions = {
      "af-south-1",     "ap-east-1",      "ap-east-2",      "ap-northeast-1", "ap-northeast-2",
      "ap-northeast-3", "ap-south-1",     "ap-south-2",     "ap-southeast-1", "ap-southeast-2",
      "ap-southeast-3", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7",
      "ca-central-1",   "ca-west-1",      "eu-central-1",   "eu-central-2",   "eu-north-1",
      "eu-south-1",     "eu-south-2",     "eu-west-1",      "eu-west-2",      "eu-west-3",
      "il-central-1",   "me-central-1",   "me-south-1",     "mx-central-1",   "sa-east-1",
      "us-east-1",      "us-east-2",      "us-west-1",      "us-west-2",      "cn-north-1",
      "cn-northwest-1", "us-gov-east-1",  "us-gov-west-1"};
  return kRegions;
}

}  // namespace leeward::spec
