// Shape: what a value in a spec may look like. One description, used by the checks, the messages
// and the schema.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace leeward::spec {

// What a text must be.
struct TextRule {
  const char* what;   // "a name of letters, digits and '-'"
  const char* regex;  // the same for the schema
  bool (*allows)(std::string_view text);
};
extern const TextRule kAnyText, kName, kHostName, kHealthPath, kUrl, kRequestLine, kRate, kVariable,
    kFilePath, kSharedStore, kSignals, kProgram, kArgument, kTableName, kCacheName, kSecretName,
    kBucketName, kRoleArn, kKeyPrefix;

enum class Need { kRequired, kOptional };

struct FieldInfo;
struct Shape {
  enum class Type { kText, kInteger, kDuration, kWord, kObject, kList, kMap, kComponents };
  Type type = Type::kText;
  const TextRule* rule = nullptr;   // kText; of the keys of kMap
  std::int64_t low = 0, high = 0;   // kInteger; nanoseconds of kDuration; count of kList and kMap
  std::vector<std::string> words;   // kWord: what is allowed
  std::vector<FieldInfo> fields;    // kObject
  std::shared_ptr<const Shape> of;  // kList, kMap: the values
};
struct FieldInfo {
  std::string key;
  Need need = Need::kOptional;
  Shape shape;
  std::string help;
};

Shape TextShape(const TextRule& rule);
Shape IntegerShape(std::int64_t low, std::int64_t high);
Shape DurationShape(std::int64_t low_ns, std::int64_t high_ns);
Shape WordShape(std::vector<std::string> words);
Shape ObjectShape(std::vector<FieldInfo> fields);
Shape ListShape(Shape of, std::int64_t most);
Shape MapShape(const TextRule& keys, Shape of, std::int64_t most);

// The word nearest to `text`, when it is near enough to be meant; else empty.
std::string Nearest(std::string_view text, const std::vector<std::string>& words);
// "a, b or c"
std::string Choice(const std::vector<std::string>& words);

// Regions that Leeward knows, of all partitions.
const std::vector<std::string>& KnownRegions();

}  // namespace leeward::spec
