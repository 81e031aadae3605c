#include <fmt/format.h>

#include "aws/client_internal.h"

namespace leeward::aws {
namespace {

using shapes::Member;
using shapes::Shape;
using shapes::Type;
using shapes::Value;

constexpr int kMaxDepth = 64;

// A random UUID of version 4.
std::string Uuid(ports::Random& random) {
  constexpr std::string_view kVariants = "89ab";
  std::string out = fmt::format("{}-{}-4{}-", random.Hex(8), random.Hex(4), random.Hex(3));
  out += kVariants[random.Below(4)];
  return out + fmt::format("{}-{}", random.Hex(3), random.Hex(12));
}

bool FitsScalar(Type type, const Value& value) {
  switch (type) {
    case Type::kString:
      return value.is_string();
    case Type::kBoolean:
      return value.is_bool();
    case Type::kInteger:
    case Type::kLong:
      return value.is_int();
    case Type::kFloat:
    case Type::kDouble:
      return value.is_double() || value.is_int();
    case Type::kBlob:
      return value.is_blob() || value.is_string();
    case Type::kTimestamp:
      return value.is_time();
    case Type::kStructure:
    case Type::kList:
    case Type::kMap:
      break;
  }
  return false;
}

base::Status Check(const Shape& shape, const Value& value, const std::string& path, int depth);

base::Status CheckStructure(const Shape& shape, const Value& value, const std::string& path,
                            int depth) {
  if (!value.is_members()) return base::Invalid(fmt::format("{} takes a structure", path));
  for (const Member& member : shape.members) {
    if (member.required && !value.Has(member.name)) {
      return base::Invalid(fmt::format("{}: '{}' is required", path, member.name));
    }
  }
  for (const auto& [name, item] : value.members()) {
    if (item.is_null()) continue;
    const Member* member = shape.FindMember(name);
    if (member == nullptr) return base::Invalid(fmt::format("{} has no member '{}'", path, name));
    RETURN_IF_ERROR(Check(*member->shape, item, fmt::format("{}.{}", path, name), depth + 1));
  }
  return base::Ok();
}

base::Status CheckItems(const Shape& shape, const Value& value, const std::string& path,
                        int depth) {
  if (shape.type == Type::kList) {
    if (!value.is_list()) return base::Invalid(fmt::format("{} takes a list", path));
    for (const Value& item : value.list())
      RETURN_IF_ERROR(Check(*shape.item->shape, item, path + "[]", depth + 1));
    return base::Ok();
  }
  if (!value.is_members()) return base::Invalid(fmt::format("{} takes a map", path));
  for (const auto& [name, item] : value.members()) {
    RETURN_IF_ERROR(Check(*shape.value->shape, item, fmt::format("{}[{}]", path, name), depth + 1));
  }
  return base::Ok();
}

base::Status Check(const Shape& shape, const Value& value, const std::string& path, int depth) {
  if (depth > kMaxDepth) return base::Invalid(fmt::format("{} is nested too deeply", path));
  if (shape.document || value.is_null()) return base::Ok();
  if (shape.type == Type::kStructure) return CheckStructure(shape, value, path, depth);
  if (shape.type == Type::kList || shape.type == Type::kMap)
    return CheckItems(shape, value, path, depth);
  if (!FitsScalar(shape.type, value))
    return base::Invalid(fmt::format("{} is of the wrong type", path));
  return base::Ok();
}

}  // namespace

Value WithIdempotencyTokens(const shapes::Operation& operation, Value input,
                            ports::Random& random) {
  if (operation.input == nullptr) return input;
  for (const Member& member : operation.input->members) {
    if (member.idempotency_token && !input.Has(member.name)) input.Set(member.name, Uuid(random));
  }
  return input;
}

base::Status CheckInput(const shapes::Operation& operation, const Value& input) {
  const std::string name(operation.name);
  if (operation.input == nullptr) {
    if (input.is_null() || (input.is_members() && input.members().empty())) return base::Ok();
    return base::Invalid(fmt::format("{} takes no input", name));
  }
  if (input.is_null()) return CheckStructure(*operation.input, Value::Struct(), name, 0);
  return Check(*operation.input, input, name, 0);
}

}  // namespace leeward::aws
