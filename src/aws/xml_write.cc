// Values as XML, for rest-xml. Elements stand in the model's order: some services insist on it.
#include <fmt/format.h>

#include <pugixml.hpp>
#include <sstream>

#include "aws/codec.h"

namespace leeward::aws::codec {
namespace {

using shapes::Type;

void SetNamespace(pugi::xml_node node, std::string_view uri, std::string_view prefix) {
  if (uri.empty()) return;
  const std::string name = prefix.empty() ? "xmlns" : "xmlns:" + std::string(prefix);
  node.append_attribute(name.c_str()) = std::string(uri).c_str();
}

pugi::xml_node AddElement(pugi::xml_node parent, std::string_view name, const Member& member) {
  pugi::xml_node node = parent.append_child(std::string(name).c_str());
  const bool own = !member.xml_namespace_uri.empty();
  SetNamespace(node, own ? member.xml_namespace_uri : member.shape->xml_namespace,
               own ? member.xml_namespace_prefix : member.shape->xml_namespace_prefix);
  return node;
}

base::Status Fill(pugi::xml_node node, const Value& value, const Member& member, Part part,
                  int depth);

base::Status AddFlattened(pugi::xml_node parent, const Value& value, const Member& member,
                          int depth) {
  const Shape& shape = *member.shape;
  const std::string_view name = WireName(member);
  if (shape.type == Type::kList) {
    if (!value.is_list()) return base::Invalid(fmt::format("{} takes a list", member.name));
    for (const Value& item : value.list()) {
      RETURN_IF_ERROR(
          Fill(AddElement(parent, name, *shape.item), item, *shape.item, Part::kWhole, depth + 1));
    }
    return base::Ok();
  }
  if (!value.is_members()) return base::Invalid(fmt::format("{} takes a map", member.name));
  for (const auto& [key, item] : value.members()) {
    pugi::xml_node entry = AddElement(parent, name, member);
    const std::string_view key_name =
        shape.key->location_name.empty() ? "key" : shape.key->location_name;
    const std::string_view value_name =
        shape.value->location_name.empty() ? "value" : shape.value->location_name;
    AddElement(entry, key_name, *shape.key).text().set(key.c_str());
    RETURN_IF_ERROR(Fill(AddElement(entry, value_name, *shape.value), item, *shape.value,
                         Part::kWhole, depth + 1));
  }
  return base::Ok();
}

base::Status FillStructure(pugi::xml_node node, const Value& value, const Shape& shape, Part part,
                           int depth) {
  for (const Member& member : shape.members) {
    const Value* found = value.Find(member.name);
    if (found == nullptr || (part == Part::kBody && member.location != shapes::Location::kBody))
      continue;
    if (member.xml_attribute) {
      ASSIGN_OR_RETURN(const std::string text,
                       ScalarToText(*found, *member.shape, TimestampFormat::kIso8601));
      node.append_attribute(std::string(WireName(member)).c_str()) = text.c_str();
    } else if (member.flattened) {
      RETURN_IF_ERROR(AddFlattened(node, *found, member, depth + 1));
    } else {
      RETURN_IF_ERROR(Fill(AddElement(node, WireName(member), member), *found, member, Part::kWhole,
                           depth + 1));
    }
  }
  return base::Ok();
}

base::Status FillList(pugi::xml_node node, const Value& value, const Shape& shape, int depth) {
  if (!value.is_list()) return base::Invalid(fmt::format("{} takes a list", shape.name));
  const std::string_view name =
      shape.item->location_name.empty() ? "member" : shape.item->location_name;
  for (const Value& item : value.list()) {
    RETURN_IF_ERROR(
        Fill(AddElement(node, name, *shape.item), item, *shape.item, Part::kWhole, depth + 1));
  }
  return base::Ok();
}

base::Status Fill(pugi::xml_node node, const Value& value, const Member& member, Part part,
                  int depth) {
  if (depth > kMaxDepth) return base::Invalid("input is nested too deeply");
  const Shape& shape = *member.shape;
  if (value.is_null()) return base::Ok();
  switch (shape.type) {
    case Type::kStructure:
      return FillStructure(node, value, shape, part, depth);
    case Type::kList:
      return FillList(node, value, shape, depth);
    case Type::kMap: {
      Member entries{.name = "entry", .shape = &shape, .flattened = true};
      return AddFlattened(node, value, entries, depth);
    }
    default:
      break;
  }
  ASSIGN_OR_RETURN(const std::string text,
                   ScalarToText(value, shape, FormatOf(member, TimestampFormat::kIso8601)));
  node.text().set(text.c_str());
  return base::Ok();
}

}  // namespace

base::Result<std::string> WriteXml(const Value& value, const Member& member, std::string_view root,
                                   std::string_view xml_namespace, Part part) {
  pugi::xml_document document;
  pugi::xml_node node = document.append_child(std::string(root).c_str());
  SetNamespace(node, xml_namespace, "");
  RETURN_IF_ERROR(Fill(node, value, member, part, 0));
  std::ostringstream out;
  document.save(out, "", pugi::format_raw | pugi::format_no_declaration);
  return out.str();
}

}  // namespace leeward::aws::codec
