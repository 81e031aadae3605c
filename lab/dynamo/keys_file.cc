#include "lab/dynamo/keys_file.h"

#include <algorithm>

#include "shapes/value.h"

namespace leeward::lab::dynamo {
namespace {

using shapes::Value;

constexpr std::uint64_t kLargestKeysFile = 64 << 20;  // bytes

}  // namespace

base::Status SaveKeys(const std::vector<KnownKey>& keys, const std::string& path,
                      ports::Files& files) {
  Value::List list;
  for (const KnownKey& known : keys) {
    Value::List names(known.names.begin(), known.names.end());
    list.push_back(Value::Struct({{"arn", known.key.arn},
                                  {"usable", known.key.usable},
                                  {"names", Value(std::move(names))}}));
  }
  const Value value = Value::Struct({{"keys", Value(std::move(list))}});
  return files.WriteAtomically(path, shapes::ToJson(value));
}

base::Result<std::optional<tables::EncryptionKey>> FindKey(std::string_view name,
                                                           const std::string& path,
                                                           ports::Files& files) {
  ASSIGN_OR_RETURN(const std::string text, files.Read(path, kLargestKeysFile));
  ASSIGN_OR_RETURN(const Value value, shapes::FromJson(text));
  for (const Value& known : value.Items("keys")) {
    const Value::List& names = known.Items("names");
    const bool found = std::any_of(names.begin(), names.end(), [&](const Value& one) {
      return one.is_string() && one.str() == name;
    });
    if (!found) continue;
    return std::optional(
        tables::EncryptionKey{std::string(known.String("arn")), known.Flag("usable", false)});
  }
  return std::optional<tables::EncryptionKey>();
}

}  // namespace leeward::lab::dynamo
