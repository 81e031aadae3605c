// JSON to Attribute and Item.
#include "lab/items/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "lab/items/base64.h"

namespace leeward::lab::items {
namespace {

using Json = rapidjson::Value;

std::optional<Type> TypeNamed(std::string_view name) {
  switch (name.size()) {
    case 1:
      if (name == "S") return Type::kS;
      if (name == "N") return Type::kN;
      if (name == "M") return Type::kM;
      if (name == "L") return Type::kL;
      if (name == "B") return Type::kB;
      return std::nullopt;
    case 2:
      if (name == "SS") return Type::kSS;
      if (name == "NS") return Type::kNS;
      if (name == "BS") return Type::kBS;
      return std::nullopt;
    case 4:
      if (name == "BOOL") return Type::kBool;
      if (name == "NULL") return Type::kNull;
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

std::string_view JavaName(Wanted wanted) {
  switch (wanted) {
    case Wanted::kString:
      return "String";
    case Wanted::kBoolean:
      return "Boolean";
    case Wanted::kInteger:
      return "Integer";
    case Wanted::kLong:
      return "Long";
    case Wanted::kDouble:
      return "Double";
    case Wanted::kBlob:
      return "ByteBuffer";
    case Wanted::kList:
    case Wanted::kMap:
    case Wanted::kStructure:
      break;
  }
  return "";
}

std::string_view TokenName(const Json& json) {
  if (json.IsTrue()) return "TRUE_VALUE";
  if (json.IsFalse()) return "FALSE_VALUE";
  if (json.IsDouble()) return "DECIMAL_VALUE";
  return json.IsString() ? "STRING_VALUE" : "NUMBER_VALUE";
}

constexpr std::string_view kAttributeClass =
    "class com.amazonaws.dynamodb.v20120810.AttributeValue";
constexpr std::string_view kAttributeMap =
    "java.util.Map<java.lang.String, com.amazonaws.dynamodb.v20120810.AttributeValue>";

ApiError Empty() {
  return ValidationError(
      "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes");
}

ApiError Several() {
  return ValidationError(
      "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the "
      "supported datatypes");
}

// DynamoDB takes some texts for booleans, in any case.
std::optional<bool> BooleanOf(const Json& json) {
  if (json.IsBool()) return json.GetBool();
  if (!json.IsString()) return std::nullopt;
  std::string text(TextOf(json));
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (text == "true" || text == "yes" || text == "1") return true;
  if (text == "false" || text == "no" || text == "0") return false;
  return std::nullopt;
}

Outcome<std::string> StringOf(const Json& json) {
  if (!json.IsString()) return WrongJsonType(json, Wanted::kString);
  return std::string(TextOf(json));
}

Outcome<std::string> BytesOf(const Json& json) {
  if (!json.IsString()) return WrongJsonType(json, Wanted::kBlob);
  return DecodeBase64(TextOf(json));
}

// "[a, b]", as Java writes a collection.
std::string Listed(const Json& list) {
  std::string out = "[";
  for (const Json& value : list.GetArray()) {
    if (out.size() > 1) out += ", ";
    out += TextOf(value);
  }
  return out + "]";
}

template <typename T>
bool HasDuplicates(const std::vector<T>& values) {
  if (values.size() < 2) return false;
  std::vector<const T*> sorted;
  sorted.reserve(values.size());
  for (const T& value : values) sorted.push_back(&value);
  std::sort(sorted.begin(), sorted.end(), [](const T* a, const T* b) { return *a < *b; });
  return std::adjacent_find(sorted.begin(), sorted.end(),
                            [](const T* a, const T* b) { return *a == *b; }) != sorted.end();
}

// Reads one attribute value after another; the depth of L and M is bounded, and with it the stack.
class Reader {
 public:
  Outcome<Attribute> Read(const Json& json) {
    if (json.IsNull()) return Empty();
    if (!json.IsObject()) return WrongJsonType(json, Wanted::kStructure, kAttributeClass);
    std::optional<Attribute> found;
    int count = 0;
    for (const auto& member : json.GetObject()) {
      const auto type = TypeNamed(TextOf(member.name));
      if (!type || member.value.IsNull()) continue;
      ASSIGN_OR_RETURN(Attribute value, ReadAs(*type, member.value));
      found = std::move(value);
      ++count;
    }
    if (count == 0) return Empty();
    if (count > 1) return Several();
    return std::move(*found);
  }

  Outcome<Item> ReadMap(const Json& json) {
    if (!json.IsObject()) return WrongJsonType(json, Wanted::kMap, kAttributeMap);
    std::vector<Entry> entries;
    entries.reserve(json.MemberCount());
    for (const auto& member : json.GetObject()) {
      ASSIGN_OR_RETURN(Attribute value, Read(member.value));
      entries.push_back({std::string(TextOf(member.name)), std::move(value)});
    }
    return Item::FromEntries(std::move(entries));
  }

 private:
  Outcome<Attribute> ReadAs(Type type, const Json& json) {
    switch (type) {
      case Type::kS: {
        ASSIGN_OR_RETURN(std::string text, StringOf(json));
        return Attribute(std::move(text));
      }
      case Type::kN: {
        if (!json.IsString()) return WrongJsonType(json, Wanted::kString);
        ASSIGN_OR_RETURN(const Number number, Number::Parse(TextOf(json)));
        return Attribute(number);
      }
      case Type::kB: {
        ASSIGN_OR_RETURN(std::string bytes, BytesOf(json));
        return Attribute(Binary{std::move(bytes)});
      }
      case Type::kBool:
      case Type::kNull:
        return ReadBoolean(type, json);
      case Type::kSS:
      case Type::kNS:
      case Type::kBS:
        return ReadSet(type, json);
      case Type::kL:
      case Type::kM:
        return ReadNested(type, json);
    }
    CHECK_NEVER("a type");
  }

  Outcome<Attribute> ReadBoolean(Type type, const Json& json) {
    const auto value = BooleanOf(json);
    if (!value) return WrongJsonType(json, Wanted::kBoolean);
    if (type == Type::kBool) return Attribute(*value);
    if (*value) return Attribute(Null{});
    return InvalidParameter("Null attribute value types must have the value of true");
  }

  Outcome<Attribute> ReadSet(Type type, const Json& json) {
    if (!json.IsArray()) return WrongJsonType(json, Wanted::kList);
    if (json.Empty()) return EmptySet(type);
    if (type == Type::kNS) return ReadNumbers(json);
    std::vector<std::string> values;
    values.reserve(json.Size());
    for (const Json& value : json.GetArray()) {
      if (value.IsNull()) return NullInSet(type);
      ASSIGN_OR_RETURN(std::string text, type == Type::kSS ? StringOf(value) : BytesOf(value));
      values.push_back(std::move(text));
    }
    if (HasDuplicates(values)) return Duplicates(type, json);
    if (type == Type::kSS) return Attribute(StringSet{std::move(values)});
    return Attribute(BinarySet{std::move(values)});
  }

  Outcome<Attribute> ReadNumbers(const Json& json) {
    std::vector<Number> values;
    values.reserve(json.Size());
    for (const Json& value : json.GetArray()) {
      if (value.IsNull()) return NullInSet(Type::kNS);
      if (!value.IsString()) return WrongJsonType(value, Wanted::kString);
      ASSIGN_OR_RETURN(const Number number, Number::Parse(TextOf(value)));
      values.push_back(number);
    }
    if (HasDuplicates(values)) return ValidationError("Input collection contains duplicates");
    return Attribute(NumberSet{std::move(values)});
  }

  static ApiError EmptySet(Type type) {
    if (type == Type::kBS) return InvalidParameter("Binary sets should not be empty");
    return InvalidParameter(
        fmt::format("An {} set  may not be empty", type == Type::kSS ? "string" : "number"));
  }

  static ApiError NullInSet(Type type) {
    if (type == Type::kBS) return InvalidParameter("Binary sets may not contain null values");
    return InvalidParameter(fmt::format("An {} set may not have a null as a member",
                                        type == Type::kSS ? "string" : "number"));
  }

  static ApiError Duplicates(Type type, const Json& json) {
    return InvalidParameter(fmt::format("Input collection {}{} contains duplicates.", Listed(json),
                                        type == Type::kBS ? "of type BS" : ""));
  }

  Outcome<Attribute> ReadNested(Type type, const Json& json) {
    if (type == Type::kL && !json.IsArray()) return WrongJsonType(json, Wanted::kList);
    if (++depth_ >= kMaxNesting) return NestedTooDeeply();
    if (type == Type::kM) {
      ASSIGN_OR_RETURN(Item map, ReadMap(json));
      --depth_;
      return Attribute(std::move(map));
    }
    Attribute::List list;
    list.reserve(json.Size());
    for (const Json& value : json.GetArray()) {
      ASSIGN_OR_RETURN(Attribute element, Read(value));
      list.push_back(std::move(element));
    }
    --depth_;
    return Attribute(std::move(list));
  }

  int depth_ = 0;
};

// Looks only at what a SerializationException can say.
class Shape {
 public:
  Verdict Check(const Json& json) {
    if (json.IsNull()) return {};
    if (!json.IsObject()) return WrongJsonType(json, Wanted::kStructure, kAttributeClass);
    for (const auto& member : json.GetObject()) {
      const auto type = TypeNamed(TextOf(member.name));
      if (type && !member.value.IsNull()) RETURN_IF_ERROR(CheckAs(*type, member.value));
    }
    return {};
  }

  Verdict CheckMap(const Json& json) {
    if (!json.IsObject()) return WrongJsonType(json, Wanted::kMap, kAttributeMap);
    for (const auto& member : json.GetObject()) RETURN_IF_ERROR(Check(member.value));
    return {};
  }

 private:
  Verdict CheckAs(Type type, const Json& json) {
    switch (type) {
      case Type::kS:
      case Type::kN:
      case Type::kSS:
      case Type::kNS:
        return CheckEach(type == Type::kSS || type == Type::kNS, json, StringOf);
      case Type::kB:
      case Type::kBS:
        return CheckEach(type == Type::kBS, json, BytesOf);
      case Type::kBool:
      case Type::kNull:
        if (!BooleanOf(json)) return WrongJsonType(json, Wanted::kBoolean);
        return {};
      case Type::kL:
      case Type::kM:
        return CheckNested(type, json);
    }
    CHECK_NEVER("a type");
  }

  template <typename Read>
  Verdict CheckEach(bool is_set, const Json& json, Read read) {
    if (!is_set) {
      const auto one = read(json);
      return one.ok() ? Verdict() : Verdict(one.error());
    }
    if (!json.IsArray()) return WrongJsonType(json, Wanted::kList);
    for (const Json& value : json.GetArray()) {
      if (value.IsNull()) continue;
      const auto one = read(value);
      if (!one.ok()) return one.error();
    }
    return {};
  }

  Verdict CheckNested(Type type, const Json& json) {
    if (type == Type::kL && !json.IsArray()) return WrongJsonType(json, Wanted::kList);
    if (depth_ == kMaxNesting - 1) return {};  // the Reader refuses it
    ++depth_;
    if (type == Type::kM) {
      RETURN_IF_ERROR(CheckMap(json));
    } else {
      for (const Json& value : json.GetArray()) RETURN_IF_ERROR(Check(value));
    }
    --depth_;
    return {};
  }

  int depth_ = 0;
};

}  // namespace

ApiError WrongJsonType(const Json& json, Wanted wanted, std::string_view java_type) {
  if (json.IsObject()) {
    return SerializationError("Start of structure or map found where not expected");
  }
  const std::string_view name = JavaName(wanted);
  if (json.IsArray()) {
    if (!java_type.empty() || name.empty()) {
      return SerializationError(
          fmt::format("Unrecognized collection type{}{}", java_type.empty() ? "" : " ", java_type));
    }
    return SerializationError(fmt::format("Unrecognized collection type class java.{}.{}",
                                          wanted == Wanted::kBlob ? "nio" : "lang", name));
  }
  switch (wanted) {
    case Wanted::kBlob:
      return SerializationError("Only base-64-encoded strings are convertible to bytes");
    case Wanted::kList:
    case Wanted::kMap:
      return SerializationError("Unexpected field type");
    case Wanted::kStructure:
      return SerializationError("Unexpected value type in payload");
    case Wanted::kBoolean:
      if (json.IsString()) return SerializationError("Unexpected token received from parser");
      break;
    default:
      break;
  }
  return SerializationError(fmt::format("{} cannot be converted to {}", TokenName(json), name));
}

Outcome<Attribute> AttributeFromJson(const Json& json) {
  auto value = Reader().Read(json);
  if (!value.ok()) RETURN_IF_ERROR(CheckAttributeShape(json));
  return value;
}

Outcome<Item> ItemFromJson(const Json& json) {
  auto item = Reader().ReadMap(json);
  if (!item.ok()) RETURN_IF_ERROR(CheckItemShape(json));
  return item;
}

Verdict CheckAttributeShape(const Json& json) { return Shape().Check(json); }
Verdict CheckItemShape(const Json& json) { return Shape().CheckMap(json); }

}  // namespace leeward::lab::items
