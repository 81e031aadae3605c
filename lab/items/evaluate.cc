#include "lab/items/evaluate.h"

#include <algorithm>

namespace leeward::lab::items::tree {
namespace {

// A value of the item or of the request, or one that was made on the way; nullptr when there is
// none.
class Value {
 public:
  Value(const Operand& operand, const Item& item) {
    if (operand.kind == Operand::Kind::kPath) {
      at_ = operand.path.Find(item);
    } else if (operand.kind == Operand::Kind::kValue) {
      at_ = operand.value;
    } else if (operand.kind == Operand::Kind::kSize) {
      const Value measured(operand.parts[0], item);
      if (measured.get() == nullptr) return;
      const auto size = SizeFunction(*measured.get());
      if (size) made_ = Number::FromInteger(static_cast<std::int64_t>(*size));
    }
  }

  const Attribute* get() const { return made_ ? &*made_ : at_; }

 private:
  const Attribute* at_ = nullptr;
  std::optional<Attribute> made_;
};

bool SameValue(const Attribute* a, const Attribute* b) {
  return a != nullptr && b != nullptr && *a == *b;
}

bool InOrder(Node::Kind kind, const Attribute* a, const Attribute* b) {
  if (a == nullptr || b == nullptr || !Comparable(*a, *b)) return false;
  const int order = Compare(*a, *b);
  switch (kind) {
    case Node::Kind::kLess:
      return order < 0;
    case Node::Kind::kLessOrEqual:
      return order <= 0;
    case Node::Kind::kGreater:
      return order > 0;
    default:
      return order >= 0;
  }
}

bool IsOfType(const Attribute* value, const Attribute* type) {
  return value != nullptr && type != nullptr && type->s() != nullptr &&
         *type->s() == items::Name(value->type());
}

bool IsAmong(const Node& node, const Attribute* value, const Item& item) {
  return std::any_of(node.operands.begin() + 1, node.operands.end(), [&](const Operand& other) {
    return SameValue(value, Value(other, item).get());
  });
}

bool HoldsFunction(const Node& node, const Attribute* first, const Item& item) {
  if (node.kind == Node::Kind::kExists) return first != nullptr;
  if (node.kind == Node::Kind::kNotExists) return first == nullptr;
  if (node.kind == Node::Kind::kIn) return IsAmong(node, first, item);
  const Value second_value(node.operands[1], item);
  const Attribute* second = second_value.get();
  switch (node.kind) {
    case Node::Kind::kEqual:
      return SameValue(first, second);
    case Node::Kind::kNotEqual:
      return !SameValue(first, second);
    case Node::Kind::kType:
      return IsOfType(first, second);
    case Node::Kind::kBeginsWith:
      return first != nullptr && second != nullptr && BeginsWith(*first, *second);
    case Node::Kind::kContains:
      return first != nullptr && second != nullptr && Contains(*first, *second);
    case Node::Kind::kBetween:
      return InOrder(Node::Kind::kGreaterOrEqual, first, second) &&
             InOrder(Node::Kind::kLessOrEqual, first, Value(node.operands[2], item).get());
    default:
      return InOrder(node.kind, first, second);
  }
}

// In UTF-16: of each character's first byte one, two of those beyond the basic plane.
std::size_t CodeUnits(std::string_view utf8) {
  std::size_t units = 0;
  for (const char c : utf8) {
    const auto byte = static_cast<unsigned char>(c);
    units += (byte & 0xC0) == 0x80 ? 0 : byte >= 0xF0 ? 2 : 1;
  }
  return units;
}

template <typename T>
bool Has(const std::vector<T>& values, const T& value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

}  // namespace

bool Contains(const Attribute& container, const Attribute& part) {
  if (const Attribute::List* list = container.list()) return Has(*list, part);
  if (const std::string* text = part.s()) {
    if (container.s() != nullptr) return container.s()->find(*text) != std::string::npos;
    return container.ss() != nullptr && Has(container.ss()->values, *text);
  }
  if (const Binary* bytes = part.b()) {
    if (container.b() != nullptr)
      return container.b()->bytes.find(bytes->bytes) != std::string::npos;
    return container.bs() != nullptr && Has(container.bs()->values, bytes->bytes);
  }
  return part.n() != nullptr && container.ns() != nullptr && Has(container.ns()->values, *part.n());
}

bool BeginsWith(const Attribute& value, const Attribute& prefix) {
  if (value.s() != nullptr && prefix.s() != nullptr) return value.s()->starts_with(*prefix.s());
  return value.b() != nullptr && prefix.b() != nullptr &&
         value.b()->bytes.starts_with(prefix.b()->bytes);
}

std::optional<std::size_t> SizeFunction(const Attribute& value) {
  switch (value.type()) {
    case Type::kS:
      return CodeUnits(*value.s());
    case Type::kB:
      return value.b()->bytes.size();
    case Type::kSS:
      return value.ss()->values.size();
    case Type::kNS:
      return value.ns()->values.size();
    case Type::kBS:
      return value.bs()->values.size();
    case Type::kL:
      return value.list()->size();
    case Type::kM:
      return value.map()->size();
    case Type::kN:
    case Type::kBool:
    case Type::kNull:
      break;
  }
  return std::nullopt;
}

bool Holds(const Node& node, const Item& item) {
  const auto holds = [&](const Node& child) { return Holds(child, item); };
  switch (node.kind) {
    case Node::Kind::kAnd:
      return std::all_of(node.children.begin(), node.children.end(), holds);
    case Node::Kind::kOr:
      return std::any_of(node.children.begin(), node.children.end(), holds);
    case Node::Kind::kNot:
      return !holds(node.children[0]);
    default:
      return HoldsFunction(node, Value(node.operands[0], item).get(), item);
  }
}

}  // namespace leeward::lab::items::tree
