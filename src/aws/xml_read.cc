// XML answers as Values, guided by shapes; for query, ec2 and rest-xml.
#include <fmt/format.h>

#include <cstring>
#include <pugixml.hpp>

#include "aws/codec.h"

namespace leeward::aws::codec {
namespace {

using shapes::Type;

constexpr unsigned kParseFlags = pugi::parse_default | pugi::parse_ws_pcdata_single;

std::string_view LocalName(pugi::xml_node node) {
  const std::string_view name = node.name();
  const std::size_t colon = name.rfind(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

bool IsElement(pugi::xml_node node) { return node.type() == pugi::node_element; }

pugi::xml_node Child(pugi::xml_node parent, std::string_view name) {
  for (const pugi::xml_node child : parent.children()) {
    if (IsElement(child) && LocalName(child) == name) return child;
  }
  return {};
}

std::string Text(pugi::xml_node node) {
  std::string out;
  for (const pugi::xml_node child : node.children()) {
    if (child.type() == pugi::node_pcdata || child.type() == pugi::node_cdata) out += child.value();
  }
  return out;
}

base::Result<Value> Read(pugi::xml_node node, const Member& member, int depth);

base::Status ReadEntry(pugi::xml_node entry, const Shape& shape, Value& out, int depth) {
  const pugi::xml_node key =
      Child(entry, shape.key->location_name.empty() ? "key" : shape.key->location_name);
  const pugi::xml_node value =
      Child(entry, shape.value->location_name.empty() ? "value" : shape.value->location_name);
  if (!key) return base::Ok();
  ASSIGN_OR_RETURN(Value read, Read(value, *shape.value, depth + 1));
  out.members().emplace_back(Text(key), std::move(read));
  return base::Ok();
}

// A flattened list or map: its items are the parent's own children of that name. Absent when there
// are none.
base::Result<Value> ReadFlattened(pugi::xml_node parent, const Member& member, int depth) {
  const Shape& shape = *member.shape;
  const bool is_list = shape.type == Type::kList;
  std::string_view name = WireName(member);
  if (is_list && !shape.item->location_name.empty() && !Child(parent, name))
    name = shape.item->location_name;
  if (!Child(parent, name)) return Value();
  Value out = is_list ? Value::EmptyList() : Value::Struct();
  for (const pugi::xml_node child : parent.children()) {
    if (!IsElement(child) || LocalName(child) != name) continue;
    if (is_list) {
      ASSIGN_OR_RETURN(Value item, Read(child, *shape.item, depth + 1));
      out.list().push_back(std::move(item));
    } else {
      RETURN_IF_ERROR(ReadEntry(child, shape, out, depth + 1));
    }
  }
  return out;
}

base::Result<Value> ReadAttribute(pugi::xml_node node, const Member& member) {
  const pugi::xml_attribute attribute = node.attribute(std::string(WireName(member)).c_str());
  if (!attribute) return Value();
  return ScalarFromText(attribute.value(), *member.shape, TimestampFormat::kIso8601);
}

base::Result<Value> ReadStructureMember(pugi::xml_node node, const Member& member, int depth) {
  if (member.xml_attribute) return ReadAttribute(node, member);
  if (member.flattened) return ReadFlattened(node, member, depth);
  const pugi::xml_node child = Child(node, WireName(member));
  if (!child) return Value();
  return Read(child, member, depth);
}

// In an answer, a place in path or query means nothing: such members come in the body.
bool TravelsInHead(const Member& member) {
  return member.location == shapes::Location::kHeader ||
         member.location == shapes::Location::kHeaderMap ||
         member.location == shapes::Location::kStatusCode;
}

base::Result<Value> ReadStructure(pugi::xml_node node, const Shape& shape, int depth) {
  Value out = Value::Struct();
  for (const Member& member : shape.members) {
    if (TravelsInHead(member)) continue;
    ASSIGN_OR_RETURN(Value read, ReadStructureMember(node, member, depth + 1));
    if (!read.is_null()) out.members().emplace_back(member.name, std::move(read));
  }
  return out;
}

base::Result<Value> ReadList(pugi::xml_node node, const Shape& shape, int depth) {
  Value::List list;
  for (const pugi::xml_node child : node.children()) {
    if (!IsElement(child)) continue;
    ASSIGN_OR_RETURN(Value item, Read(child, *shape.item, depth + 1));
    list.push_back(std::move(item));
  }
  return Value(std::move(list));
}

base::Result<Value> ReadMap(pugi::xml_node node, const Shape& shape, int depth) {
  Value out = Value::Struct();
  for (const pugi::xml_node child : node.children()) {
    if (IsElement(child)) RETURN_IF_ERROR(ReadEntry(child, shape, out, depth + 1));
  }
  return out;
}

base::Result<Value> Read(pugi::xml_node node, const Member& member, int depth) {
  if (depth > kMaxDepth) return base::ServiceBroken("answer is nested too deeply");
  const Shape& shape = *member.shape;
  switch (shape.type) {
    case Type::kStructure:
      return ReadStructure(node, shape, depth);
    case Type::kList:
      return ReadList(node, shape, depth);
    case Type::kMap:
      return ReadMap(node, shape, depth);
    default:
      break;
  }
  const std::string text = Text(node);
  // An empty element is an empty text, and nothing for a number or a time.
  if (text.empty() && shape.type != Type::kString && shape.type != Type::kBlob) return Value();
  base::Result<Value> value =
      ScalarFromText(text, shape, FormatOf(member, TimestampFormat::kIso8601));
  if (!value.ok())
    return base::ServiceBroken(
        fmt::format("answer's {}: {}", member.name, value.error().message()));
  return value;
}

pugi::xml_node FindError(const pugi::xml_document& document) {
  const pugi::xml_node root = document.document_element();
  if (LocalName(root) == "Error") return root;
  if (const pugi::xml_node direct = Child(root, "Error")) return direct;
  return Child(Child(root, "Errors"), "Error");
}

std::string FirstText(pugi::xml_node node, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    if (const pugi::xml_node child = Child(node, name)) return Text(child);
  }
  return "";
}

}  // namespace

base::Result<Value> ReadXml(std::string_view text, const Member& member, std::string_view path) {
  pugi::xml_document document;
  const pugi::xml_parse_result parsed = document.load_buffer(text.data(), text.size(), kParseFlags);
  if (!parsed)
    return base::ServiceBroken(fmt::format("answer is not XML: {}", parsed.description()));
  pugi::xml_node node = document.document_element();
  if (!path.empty()) {
    if (const pugi::xml_node inner = Child(node, path)) node = inner;
  }
  return Read(node, member, 0);
}

XmlErrorText ReadXmlError(std::string_view text) {
  pugi::xml_document document;
  if (!document.load_buffer(text.data(), text.size(), kParseFlags)) return {};
  const pugi::xml_node root = document.document_element();
  const pugi::xml_node error = FindError(document);
  XmlErrorText out;
  out.request_id = FirstText(root, {"RequestId", "RequestID"});
  if (out.request_id.empty())
    out.request_id = FirstText(Child(root, "ResponseMetadata"), {"RequestId"});
  if (error) {
    out.code = FirstText(error, {"Code"});
    out.message = FirstText(error, {"Message", "message"});
    if (out.request_id.empty()) out.request_id = FirstText(error, {"RequestId"});
    return out;
  }
  // Route 53 names the document after the error: <InvalidChangeBatch><Messages><Message>.
  if (const pugi::xml_node messages = Child(root, "Messages")) {
    out.code = LocalName(root);
    out.message = FirstText(messages, {"Message"});
  }
  return out;
}

Value ReadXmlErrorMembers(std::string_view text, const Shape& shape) {
  pugi::xml_document document;
  if (!document.load_buffer(text.data(), text.size(), kParseFlags)) return Value::Struct();
  const pugi::xml_node root = document.document_element();
  Value out = Value::Struct();
  for (const pugi::xml_node place : {FindError(document), root}) {
    base::Result<Value> read = ReadStructure(place, shape, 0);
    if (!read.ok()) continue;
    for (auto& [name, value] : read->members()) {
      if (!out.Has(name)) out.Set(name, std::move(value));
    }
  }
  return out;
}

}  // namespace leeward::aws::codec
