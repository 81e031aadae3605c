#include "lab/items/key.h"

#include <fmt/format.h>

namespace leeward::lab::items {
namespace {

// In the bytes of a text 0 becomes 0 255, and 0 0 is the end: a text sorts before those that it
// begins.
constexpr char kZero = '\0';
constexpr char kEscaped = '\xFF';

enum class Part { kHash, kRange };

std::string_view BytesOf(const Attribute& value) {
  if (const std::string* text = value.s()) return *text;
  const Binary* binary = value.b();
  CHECK_MSG(binary != nullptr, "a key is S, N or B");
  return binary->bytes;
}

void AppendEscaped(std::string_view bytes, std::string& out) {
  while (!bytes.empty()) {
    const std::size_t zero = bytes.find(kZero);
    out.append(bytes.substr(0, zero));
    if (zero == std::string_view::npos) return;
    out.push_back(kZero);
    out.push_back(kEscaped);
    bytes.remove_prefix(zero + 1);
  }
}

std::size_t KeySize(const Attribute& value) {
  return value.n() != nullptr ? value.n()->Size() : BytesOf(value).size();
}

Verdict CheckKeySize(Part part, const Attribute& value) {
  if (part == Part::kHash && KeySize(value) > kMaxHashKeySize) {
    return InvalidParameter(fmt::format(
        "Size of hashkey has exceeded the maximum size limit of{} bytes", kMaxHashKeySize));
  }
  if (part == Part::kRange && KeySize(value) > kMaxRangeKeySize) {
    return InvalidParameter(
        fmt::format("Aggregated size of all range keys has exceeded the size limit of {} bytes",
                    kMaxRangeKeySize));
  }
  return {};
}

bool IsEmptyKey(const Attribute& value) { return value.n() == nullptr && BytesOf(value).empty(); }

std::string CannotBeEmpty(const Attribute& value) {
  return fmt::format("The AttributeValue for a key attribute cannot contain an empty {} value.",
                     value.b() != nullptr ? "binary" : "string");
}

// What a value of the right type may still be.
Verdict CheckValue(Part part, const KeyPart& key, const Attribute& value) {
  RETURN_IF_ERROR(CheckKeyNotEmpty(key.name, value));
  return CheckKeySize(part, value);
}

Verdict CheckItemPart(Part part, const KeyPart& key, const Item& item) {
  const Attribute* value = item.Find(key.name);
  if (value == nullptr) {
    return InvalidParameter(fmt::format("Missing the key {} in the item", key.name));
  }
  if (value->type() != key.type) {
    return InvalidParameter(fmt::format("Type mismatch for key {} expected: {} actual: {}",
                                        key.name, Name(key.type), Name(value->type())));
  }
  return CheckValue(part, key, *value);
}

Verdict CheckIndexPart(Part part, const KeyPart& key, std::string_view index, const Item& item) {
  const Attribute* value = item.Find(key.name);
  if (value == nullptr) return {};
  if (value->type() != key.type) {
    return InvalidParameter(
        fmt::format("Type mismatch for Index Key {} Expected: {} Actual: {} IndexName: {}",
                    key.name, Name(key.type), Name(value->type()), index));
  }
  if (IsEmptyKey(*value)) {
    return ValidationError(fmt::format(
        "One or more parameter values are not valid. A value specified for a secondary index key "
        "is not supported. {} IndexName: {}, IndexKey: {}",
        CannotBeEmpty(*value), index, key.name));
  }
  return CheckKeySize(part, *value);
}

}  // namespace

Verdict CheckKeyNotEmpty(std::string_view name, const Attribute& value) {
  if (!IsEmptyKey(value)) return {};
  return ValidationError(fmt::format("One or more parameter values are not valid. {} Key: {}",
                                     CannotBeEmpty(value), name));
}

Verdict CheckKey(const KeySchema& schema, const Item& key) {
  const auto fits = [&](const KeyPart& part) {
    const Attribute* value = key.Find(part.name);
    return value != nullptr && value->type() == part.type;
  };
  const std::size_t wanted = schema.range ? 2 : 1;
  if (key.size() != wanted || !fits(schema.hash) || (schema.range && !fits(*schema.range))) {
    return ValidationError("The provided key element does not match the schema");
  }
  RETURN_IF_ERROR(CheckValue(Part::kHash, schema.hash, *key.Find(schema.hash.name)));
  if (!schema.range) return {};
  return CheckValue(Part::kRange, *schema.range, *key.Find(schema.range->name));
}

Verdict CheckItemKey(const KeySchema& schema, const Item& item) {
  RETURN_IF_ERROR(CheckItemPart(Part::kHash, schema.hash, item));
  if (!schema.range) return {};
  return CheckItemPart(Part::kRange, *schema.range, item);
}

Verdict CheckIndexKey(const KeySchema& schema, std::string_view index, const Item& item) {
  RETURN_IF_ERROR(CheckIndexPart(Part::kHash, schema.hash, index, item));
  if (!schema.range) return {};
  return CheckIndexPart(Part::kRange, *schema.range, index, item);
}

Item KeyOf(const KeySchema& schema, const Item& item) {
  Item key;
  if (const Attribute* hash = item.Find(schema.hash.name)) key.Set(schema.hash.name, *hash);
  if (!schema.range) return key;
  if (const Attribute* range = item.Find(schema.range->name)) key.Set(schema.range->name, *range);
  return key;
}

void AppendKeyPart(const Attribute& value, std::string& out) {
  if (const Number* number = value.n()) {
    number->AppendKey(out);
    return;
  }
  AppendEscaped(BytesOf(value), out);
  out.push_back(kZero);
  out.push_back(kZero);
}

void AppendKey(const KeySchema& schema, const Item& item, std::string& out) {
  const auto append = [&](const KeyPart& part) {
    const Attribute* value = item.Find(part.name);
    CHECK_MSG(value != nullptr, "an item without its key");
    AppendKeyPart(*value, out);
  };
  append(schema.hash);
  if (schema.range) append(*schema.range);
}

void AppendKeyPrefix(const Attribute& value, std::string& out) {
  AppendEscaped(BytesOf(value), out);
}

base::Result<Attribute> ReadKeyPart(Type type, std::string_view& in) {
  if (type == Type::kN) {
    ASSIGN_OR_RETURN(const Number number, Number::ReadKey(in));
    return Attribute(number);
  }
  std::string bytes;
  while (true) {
    const std::size_t zero = in.find(kZero);
    if (zero == std::string_view::npos || zero + 1 == in.size()) break;
    const char next = in[zero + 1];
    if (next != kZero && next != kEscaped) break;
    bytes.append(in.substr(0, zero));
    in.remove_prefix(zero + 2);
    if (next == kEscaped) {
      bytes.push_back(kZero);
    } else if (type == Type::kS) {
      return Attribute(std::move(bytes));
    } else {
      return Attribute(Binary{std::move(bytes)});
    }
  }
  return base::Error(base::ErrorCode::kCorrupt, "bad text in a key");
}

std::string AfterPrefix(std::string_view prefix) {
  std::string after(prefix);
  while (!after.empty() && after.back() == '\xFF') after.pop_back();
  if (!after.empty())
    after.back() = static_cast<char>(static_cast<unsigned char>(after.back()) + 1);
  return after;
}

}  // namespace leeward::lab::items
