// Protocols query and ec2: a form on the way out, XML on the way in.
#include <fmt/format.h>

#include <cctype>

#include "aws/codec.h"
#include "base/bytes.h"

namespace leeward::aws::codec {
namespace {

using shapes::Protocol;
using shapes::Type;

class Form {
 public:
  explicit Form(Protocol protocol) : ec2_(protocol == Protocol::kEc2) {}

  void Add(std::string_view name, std::string_view value) {
    text_.append(text_.empty() ? "" : "&").append(base::PercentEncode(name)).append("=");
    text_.append(base::PercentEncode(value));
  }

  base::Status AddStructure(const std::string& prefix, const Shape& shape, const Value& value,
                            int depth) {
    if (depth > kMaxDepth) return base::Invalid("input is nested too deeply");
    for (const Member& member : shape.members) {
      const Value* found = value.Find(member.name);
      if (found == nullptr) continue;
      const std::string name = prefix.empty() ? Name(member) : prefix + "." + Name(member);
      RETURN_IF_ERROR(AddMember(name, member, *found, depth + 1));
    }
    return base::Ok();
  }

  std::string Take() { return std::move(text_); }

 private:
  std::string Name(const Member& member) const {
    if (!ec2_) return std::string(WireName(member));
    if (!member.query_name.empty()) return std::string(member.query_name);
    std::string name(WireName(member));
    name[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(name[0])));
    return name;
  }

  base::Status AddMember(const std::string& prefix, const Member& member, const Value& value,
                         int depth) {
    const Shape& shape = *member.shape;
    switch (shape.type) {
      case Type::kStructure:
        return AddStructure(prefix, shape, value, depth);
      case Type::kList:
        return AddList(prefix, member, value, depth);
      case Type::kMap:
        return AddMap(prefix, member, value, depth);
      default:
        break;
    }
    ASSIGN_OR_RETURN(const std::string text,
                     ScalarToText(value, shape, FormatOf(member, TimestampFormat::kIso8601)));
    Add(prefix, text);
    return base::Ok();
  }

  std::string ListPrefix(const std::string& prefix, const Member& member) const {
    const Member& item = *member.shape->item;
    if (ec2_) return prefix;
    if (!member.flattened)
      return prefix + "." + std::string(item.location_name.empty() ? "member" : item.location_name);
    if (item.location_name.empty() || !member.location_name.empty()) return prefix;
    const std::size_t dot = prefix.rfind('.');
    return (dot == std::string::npos ? "" : prefix.substr(0, dot + 1)) +
           std::string(item.location_name);
  }

  base::Status AddList(const std::string& prefix, const Member& member, const Value& value,
                       int depth) {
    if (!value.is_list()) return base::Invalid(fmt::format("{} takes a list", prefix));
    if (value.list().empty() && !ec2_) Add(prefix, "");
    const std::string list_prefix = ListPrefix(prefix, member);
    int number = 0;
    for (const Value& item : value.list()) {
      RETURN_IF_ERROR(AddMember(fmt::format("{}.{}", list_prefix, ++number), *member.shape->item,
                                item, depth + 1));
    }
    return base::Ok();
  }

  base::Status AddMap(const std::string& prefix, const Member& member, const Value& value,
                      int depth) {
    if (!value.is_members()) return base::Invalid(fmt::format("{} takes a map", prefix));
    const Member& key = *member.shape->key;
    const Member& item = *member.shape->value;
    const std::string entry = member.flattened ? prefix : prefix + ".entry";
    int number = 0;
    for (const auto& [name, inner] : value.members()) {
      ++number;
      Add(fmt::format("{}.{}.{}", entry, number,
                      key.location_name.empty() ? "key" : key.location_name),
          name);
      const std::string value_name = fmt::format(
          "{}.{}.{}", entry, number, item.location_name.empty() ? "value" : item.location_name);
      RETURN_IF_ERROR(AddMember(value_name, item, inner, depth + 1));
    }
    return base::Ok();
  }

  const bool ec2_;
  std::string text_;
};

}  // namespace

base::Result<WireRequest> EncodeQuery(const Model& model, const Operation& operation,
                                      const Value& input) {
  Form form(model.protocols.front());
  form.Add("Action", operation.name);
  form.Add("Version", model.api_version);
  if (operation.input != nullptr)
    RETURN_IF_ERROR(form.AddStructure("", *operation.input, input, 0));
  WireRequest request;
  request.path = operation.request_uri;
  request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
  request.body = form.Take();
  return request;
}

base::Result<Value> DecodeQuery(const Model& model, const Operation& operation,
                                const ports::HttpResponse& response) {
  if (operation.output == nullptr || response.body.empty()) return Value::Struct();
  const Member whole{.name = operation.output->name, .shape = operation.output};
  const bool wrapped = model.protocols.front() == Protocol::kQuery;
  return ReadXml(response.body, whole, wrapped ? operation.result_wrapper : std::string_view());
}

}  // namespace leeward::aws::codec
