#include <fmt/format.h>

#include <pugixml.hpp>

#include "lab/wire/formats.h"
#include "lab/wire/scalar.h"

namespace leeward::lab::wire {
namespace {

using shapes::Member;
using shapes::Shape;
using shapes::TimestampFormat;
using shapes::Type;
using shapes::Value;

std::string_view LocalName(std::string_view name) {
  const auto colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

bool IsFlat(const Member& member) { return member.flattened || member.shape->flattened; }

std::string_view NameOr(const Member& member, std::string_view fallback) {
  return member.location_name.empty() ? fallback : member.location_name;
}

// The element name that the member of a structure has. A list shape that is flattened for all its
// users has the name of its items.
std::string_view ElementName(const Member& member) {
  const Shape& shape = *member.shape;
  const bool own = shape.type == Type::kList && shape.flattened && !member.flattened;
  return own && !shape.item->location_name.empty() ? shape.item->location_name : WireName(member);
}

std::vector<pugi::xml_node> Children(const pugi::xml_node& node, std::string_view name) {
  std::vector<pugi::xml_node> found;
  for (const pugi::xml_node child : node.children()) {
    if (child.type() == pugi::node_element && LocalName(child.name()) == LocalName(name))
      found.push_back(child);
  }
  return found;
}

std::string TextOf(const pugi::xml_node& node) {
  std::string text;
  for (const pugi::xml_node child : node.children()) {
    if (child.type() == pugi::node_pcdata || child.type() == pugi::node_cdata)
      text += child.value();
  }
  return text;
}

base::Result<Value> ReadOne(const Member& member, const pugi::xml_node& node, int depth);

base::Result<Value> ReadEntries(const Shape& shape, const std::vector<pugi::xml_node>& entries,
                                int depth) {
  Value out = Value::Struct();
  for (const pugi::xml_node& entry : entries) {
    const auto keys = Children(entry, NameOr(*shape.key, "key"));
    const auto values = Children(entry, NameOr(*shape.value, "value"));
    if (keys.size() != 1 || values.size() != 1)
      return base::Invalid(fmt::format("an entry of {} is not a pair", shape.name));
    ASSIGN_OR_RETURN(Value value, ReadOne(*shape.value, values[0], depth + 1));
    out.Set(TextOf(keys[0]), std::move(value));
  }
  return out;
}

base::Result<Value> ReadItems(const Shape& shape, const std::vector<pugi::xml_node>& nodes,
                              int depth) {
  Value::List items;
  for (const pugi::xml_node& node : nodes) {
    ASSIGN_OR_RETURN(Value item, ReadOne(*shape.item, node, depth + 1));
    items.push_back(std::move(item));
  }
  return Value(std::move(items));
}

base::Result<Value> ReadAttribute(const Member& member, const pugi::xml_node& node) {
  for (const pugi::xml_attribute attribute : node.attributes()) {
    if (LocalName(attribute.name()) == LocalName(WireName(member))) {
      return ScalarFromText(*member.shape, attribute.value(),
                            FormatOf(member, TimestampFormat::kIso8601));
    }
  }
  return Value();
}

base::Result<Value> ReadStructure(const Shape& shape, const pugi::xml_node& node, int depth,
                                  Members members) {
  Value out = Value::Struct();
  for (const Member& member : shape.members) {
    if (!InBody(member, members)) continue;
    if (member.xml_attribute) {
      ASSIGN_OR_RETURN(Value value, ReadAttribute(member, node));
      if (!value.is_null()) out.Set(member.name, std::move(value));
      continue;
    }
    const auto nodes = Children(node, ElementName(member));
    if (nodes.empty()) continue;
    const Type type = member.shape->type;
    base::Result<Value> value = Value();
    if (IsFlat(member) && type == Type::kList) {
      value = ReadItems(*member.shape, nodes, depth);
    } else if (IsFlat(member) && type == Type::kMap) {
      value = ReadEntries(*member.shape, nodes, depth);
    } else {
      value = ReadOne(member, nodes[0], depth + 1);
    }
    if (!value.ok()) return std::move(value).error().Context(member.name);
    out.Set(member.name, std::move(*value));
  }
  return out;
}

base::Result<Value> ReadOne(const Member& member, const pugi::xml_node& node, int depth) {
  if (depth > kMaxDepth) return base::Invalid("the body is nested too deeply");
  const Shape& shape = *member.shape;
  switch (shape.type) {
    case Type::kStructure:
      return ReadStructure(shape, node, depth, Members::kAll);
    case Type::kList:
      return ReadItems(shape, Children(node, NameOr(*shape.item, "member")), depth);
    case Type::kMap:
      return ReadEntries(shape, Children(node, "entry"), depth);
    default:
      break;
  }
  const std::string text = TextOf(node);
  if (shape.type == Type::kString) return Value(text);
  return ScalarFromText(shape, Trim(text), FormatOf(member, TimestampFormat::kIso8601));
}

class Writer {
 public:
  base::Status Element(std::string_view name, const Member& member, const Value& value) {
    const Shape& shape = *member.shape;
    if (shape.type == Type::kStructure) {
      RETURN_IF_ERROR(
          Open(name, member.xml_namespace_uri, member.xml_namespace_prefix, shape, value));
      RETURN_IF_ERROR(Structure(shape, value, Members::kAll));
    } else if (shape.type == Type::kList) {
      Open(name, member.xml_namespace_uri, member.xml_namespace_prefix);
      RETURN_IF_ERROR(Items(NameOr(*shape.item, "member"), shape, value));
    } else if (shape.type == Type::kMap) {
      Open(name, member.xml_namespace_uri, member.xml_namespace_prefix);
      RETURN_IF_ERROR(Entries("entry", shape, value));
    } else {
      Open(name, member.xml_namespace_uri, member.xml_namespace_prefix);
      ASSIGN_OR_RETURN(const std::string text,
                       ScalarToText(shape, value, FormatOf(member, TimestampFormat::kIso8601)));
      out_ += EscapeXml(text);
    }
    Close(name);
    return base::Ok();
  }

  base::Status Structure(const Shape& shape, const Value& value, Members members) {
    if (value.is_null()) return base::Ok();
    if (!value.is_members()) return BadAnswer(shape, "is not a structure");
    for (const auto& [name, part] : value.members()) {
      const Member* member = shape.FindMember(name);
      if (member == nullptr) return BadAnswer(shape, "has no member " + name);
      if (!InBody(*member, members) || part.is_null() || member->xml_attribute) continue;
      const bool flat = IsFlat(*member);
      const Type type = member->shape->type;
      base::Status written = base::Ok();
      if (flat && type == Type::kList) {
        written = Items(ElementName(*member), *member->shape, part);
      } else if (flat && type == Type::kMap) {
        written = Entries(ElementName(*member), *member->shape, part);
      } else {
        written = Element(ElementName(*member), *member, part);
      }
      RETURN_IF_ERROR(std::move(written));
    }
    return base::Ok();
  }

  // The opening tag of a structure: with those of its members that are attributes.
  base::Status Open(std::string_view name, std::string_view uri, std::string_view prefix,
                    const Shape& shape, const Value& value) {
    std::string attributes;
    for (const Member& member : shape.members) {
      const Value* part = member.xml_attribute ? value.Find(member.name) : nullptr;
      if (part == nullptr) continue;
      ASSIGN_OR_RETURN(
          const std::string text,
          ScalarToText(*member.shape, *part, FormatOf(member, TimestampFormat::kIso8601)));
      attributes += fmt::format(" {}=\"{}\"", WireName(member), EscapeXml(text));
    }
    if (uri.empty()) {
      uri = shape.xml_namespace;
      prefix = shape.xml_namespace_prefix;
    }
    out_ += fmt::format("<{}{}{}>", name, NamespaceText(uri, prefix), attributes);
    return base::Ok();
  }
  void Close(std::string_view name) { out_ += fmt::format("</{}>", name); }
  std::string Take() { return std::move(out_); }

 private:
  static std::string NamespaceText(std::string_view uri, std::string_view prefix) {
    if (uri.empty()) return "";
    return prefix.empty() ? fmt::format(" xmlns=\"{}\"", uri)
                          : fmt::format(" xmlns:{}=\"{}\"", prefix, uri);
  }
  void Open(std::string_view name, std::string_view uri, std::string_view prefix) {
    out_ += fmt::format("<{}{}>", name, NamespaceText(uri, prefix));
  }

  base::Status Items(std::string_view name, const Shape& shape, const Value& value) {
    if (!value.is_list()) return BadAnswer(shape, "is not a list");
    for (const Value& item : value.list()) RETURN_IF_ERROR(Element(name, *shape.item, item));
    return base::Ok();
  }

  base::Status Entries(std::string_view name, const Shape& shape, const Value& value) {
    if (!value.is_members()) return BadAnswer(shape, "is not a map");
    for (const auto& [key, entry] : value.members()) {
      Open(name, "", "");
      RETURN_IF_ERROR(Element(NameOr(*shape.key, "key"), *shape.key, Value(key)));
      RETURN_IF_ERROR(Element(NameOr(*shape.value, "value"), *shape.value, entry));
      Close(name);
    }
    return base::Ok();
  }

  std::string out_;
};

}  // namespace

base::Result<Value> DecodeXml(const Shape& shape, std::string_view text, Members members) {
  if (Trim(text).empty()) return Value::Struct();
  pugi::xml_document document;
  // Text is kept as sent, white space included: it may be a value.
  const auto parsed =
      document.load_buffer(text.data(), text.size(),
                           (pugi::parse_default | pugi::parse_ws_pcdata_single) & ~pugi::parse_eol);
  if (!parsed) return base::Invalid(fmt::format("the body is not XML: {}", parsed.description()));
  return ReadStructure(shape, document.document_element(), 0, members);
}

base::Result<std::string> EncodeXmlMembers(const Shape& shape, const Value& value,
                                           Members members) {
  Writer writer;
  RETURN_IF_ERROR(writer.Structure(shape, value, members));
  return writer.Take();
}

base::Result<std::string> EncodeXmlElement(std::string_view name, std::string_view xml_namespace,
                                           const Shape& shape, const Value& value,
                                           Members members) {
  Writer writer;
  RETURN_IF_ERROR(writer.Open(name, xml_namespace, "", shape, value));
  RETURN_IF_ERROR(writer.Structure(shape, value, members));
  writer.Close(name);
  return writer.Take();
}

std::string EscapeXml(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\r':
        out += "&#xD;";
        break;
      case '\n':
        out += "&#xA;";
        break;
      default:
        // XML 1.0 has no way to write other control characters.
        out += static_cast<unsigned char>(c) < 0x20 && c != '\t' ? ' ' : c;
    }
  }
  return out;
}

}  // namespace leeward::lab::wire
