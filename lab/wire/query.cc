// Query parameters: "Filters.Filter.1.Values.Value.2=x" as a tree, guided by the shape.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "lab/wire/formats.h"
#include "lab/wire/scalar.h"

namespace leeward::lab::wire {
namespace {

using shapes::Member;
using shapes::Shape;
using shapes::TimestampFormat;
using shapes::Type;
using shapes::Value;

constexpr std::size_t kMaxItems = 10000;

class Decoder {
 public:
  Decoder(const Pairs& parameters, QueryStyle style) : style_(style) {
    for (const auto& [name, value] : parameters) parameters_.emplace(name, value);
  }

  base::Result<Value> Structure(const Shape& shape, const std::string& prefix, int depth) const {
    Value out = Value::Struct();
    for (const Member& member : shape.members) {
      const std::string name = prefix + MemberName(member);
      if (!Present(name) && !(FlatName(member, name) != name && Present(FlatName(member, name))))
        continue;
      ASSIGN_OR_RETURN(Value value, Any(member, name, depth + 1));
      if (!value.is_null()) out.Set(member.name, std::move(value));
    }
    return out;
  }

  // The parameters that nothing has asked for, in order.
  std::vector<std::string> Unread() const {
    std::vector<std::string> names;
    for (const auto& [name, value] : parameters_) {
      if (!read_.contains(name)) names.push_back(name);
    }
    return names;
  }

 private:
  // ec2 has its own name, else the model's with a capital letter.
  std::string MemberName(const Member& member) const {
    if (style_ == QueryStyle::kQuery) return std::string(WireName(member));
    if (!member.query_name.empty()) return std::string(member.query_name);
    std::string name(WireName(member));
    if (!name.empty() && name[0] >= 'a' && name[0] <= 'z')
      name[0] = static_cast<char>(name[0] - 'a' + 'A');
    return name;
  }

  // A list shape that is flattened for all its users has the name of its items.
  std::string FlatName(const Member& member, const std::string& name) const {
    const Shape& shape = *member.shape;
    const bool own = shape.type == Type::kList && shape.flattened && !member.flattened;
    if (style_ == QueryStyle::kEc2 || !own || shape.item->location_name.empty()) return name;
    const auto dot = name.rfind('.');
    return (dot == std::string::npos ? std::string() : name.substr(0, dot + 1)) +
           std::string(shape.item->location_name);
  }

  bool Present(const std::string& name) const {
    if (parameters_.contains(name)) return true;
    const auto below = parameters_.lower_bound(name + ".");
    return below != parameters_.end() && below->first.starts_with(name + ".");
  }

  base::Result<Value> Any(const Member& member, const std::string& name, int depth) const {
    if (depth > kMaxDepth) return base::Invalid(fmt::format("{} is nested too deeply", name));
    read_.insert(name);  // also of what has parts: "Filters=" is an empty list
    const Shape& shape = *member.shape;
    const bool flat = member.flattened || shape.flattened || style_ == QueryStyle::kEc2;
    switch (shape.type) {
      case Type::kStructure:
        return Structure(shape, name + ".", depth);
      case Type::kList:
        return List(shape, flat ? FlatName(member, name) : name, flat, depth);
      case Type::kMap:
        return Map(shape, name, flat, depth);
      default:
        break;
    }
    const auto found = parameters_.find(name);
    if (found == parameters_.end()) return Value();
    auto value = ScalarFromText(shape, found->second, FormatOf(member, TimestampFormat::kIso8601));
    if (!value.ok()) return std::move(value).error().Context(name);
    return value;
  }

  // The numbers N for which "<prefix>.N" is there, in order.
  base::Result<std::vector<int>> Numbers(const std::string& prefix) const {
    std::vector<int> numbers;
    const std::string start = prefix + ".";
    for (auto it = parameters_.lower_bound(start);
         it != parameters_.end() && it->first.starts_with(start); ++it) {
      int number = 0;
      const char* first = it->first.data() + start.size();
      const char* last = it->first.data() + it->first.size();
      const auto [stop, error] = std::from_chars(first, last, number);
      if (error != std::errc() || (stop != last && *stop != '.') || number < 0) continue;
      if (numbers.size() > kMaxItems)
        return base::Invalid(fmt::format("{} has too many items", prefix));
      numbers.push_back(number);
    }
    std::sort(numbers.begin(), numbers.end());
    numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
    return numbers;
  }

  base::Result<Value> List(const Shape& shape, const std::string& name, bool flat,
                           int depth) const {
    read_.insert(name);
    std::string prefix = name;
    if (!flat) {
      const std::string_view item_name =
          shape.item->location_name.empty() ? "member" : shape.item->location_name;
      prefix = fmt::format("{}.{}", name, item_name);
      // Services take the generic name as well as the items' own.
      if (!Present(prefix) && Present(name + ".member")) prefix = name + ".member";
    }
    ASSIGN_OR_RETURN(const std::vector<int> numbers, Numbers(prefix));
    Value::List items;
    for (const int number : numbers) {
      ASSIGN_OR_RETURN(Value item,
                       Any(*shape.item, fmt::format("{}.{}", prefix, number), depth + 1));
      items.push_back(std::move(item));
    }
    return Value(std::move(items));
  }

  base::Result<Value> Map(const Shape& shape, const std::string& name, bool flat, int depth) const {
    const std::string prefix = flat ? name : name + ".entry";
    ASSIGN_OR_RETURN(const std::vector<int> numbers, Numbers(prefix));
    const std::string_view key_name =
        shape.key->location_name.empty() ? "key" : shape.key->location_name;
    const std::string_view value_name =
        shape.value->location_name.empty() ? "value" : shape.value->location_name;
    Value out = Value::Struct();
    for (const int number : numbers) {
      const auto key = parameters_.find(fmt::format("{}.{}.{}", prefix, number, key_name));
      if (key == parameters_.end())
        return base::Invalid(fmt::format("{}.{} has no key", prefix, number));
      read_.insert(key->first);
      ASSIGN_OR_RETURN(
          Value value,
          Any(*shape.value, fmt::format("{}.{}.{}", prefix, number, value_name), depth + 1));
      out.Set(key->second, std::move(value));
    }
    return out;
  }

  std::map<std::string, std::string, std::less<>> parameters_;
  mutable std::set<std::string, std::less<>> read_;
  QueryStyle style_;
};

}  // namespace

base::Result<Value> DecodeQuery(const Shape& shape, const Pairs& parameters, QueryStyle style) {
  return Decoder(parameters, style).Structure(shape, "", 0);
}

std::vector<std::string> UnreadParameters(const Shape& shape, const Pairs& parameters,
                                          QueryStyle style) {
  const Decoder decoder(parameters, style);
  if (!decoder.Structure(shape, "", 0).ok()) return {};
  return decoder.Unread();
}

std::string_view WireName(const Member& member) {
  return member.location_name.empty() ? member.name : member.location_name;
}

bool InBody(const Member& member, Members members) {
  return members == Members::kAll || member.location == shapes::Location::kBody;
}

}  // namespace leeward::lab::wire
