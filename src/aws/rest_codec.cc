// Protocols rest-json and rest-xml: members in path, query, headers and body.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "aws/codec.h"
#include "base/bytes.h"

namespace leeward::aws::codec {
namespace {

using shapes::Location;
using shapes::Protocol;
using shapes::Type;

bool IsJson(const Model& model) { return model.protocols.front() == Protocol::kRestJson; }

base::Result<std::string> LabelText(const Operation& operation, const Value& input,
                                    std::string_view label) {
  for (const Member& member : operation.input->members) {
    if (member.location != Location::kUri || WireName(member) != label) continue;
    const Value* found = input.Find(member.name);
    if (found == nullptr) break;
    ASSIGN_OR_RETURN(std::string text, ScalarToText(*found, *member.shape,
                                                    FormatOf(member, TimestampFormat::kIso8601)));
    if (text.empty()) break;
    return text;
  }
  return base::Invalid(
      fmt::format("{}: '{}' must be given and not be empty", operation.name, label));
}

// "/a/{B}/{C+}" with the labels put in; the greedy one keeps its slashes.
base::Result<std::string> FillLabels(const Operation& operation, const Value& input,
                                     std::string_view pattern) {
  std::string out;
  while (!pattern.empty()) {
    const std::size_t open = pattern.find('{');
    const std::size_t close = pattern.find('}');
    if (open == std::string_view::npos || close == std::string_view::npos ||
        operation.input == nullptr)
      break;
    out.append(pattern.substr(0, open));
    std::string_view label = pattern.substr(open + 1, close - open - 1);
    const bool greedy = label.ends_with('+');
    if (greedy) label.remove_suffix(1);
    ASSIGN_OR_RETURN(const std::string text, LabelText(operation, input, label));
    out.append(base::PercentEncode(text, greedy ? "/" : ""));
    pattern.remove_prefix(close + 1);
  }
  return out.append(pattern);
}

base::Status AddQueryMember(const Member& member, const Value& value, QueryParameters& query) {
  const TimestampFormat format = FormatOf(member, TimestampFormat::kIso8601);
  const std::string name(WireName(member));
  if (!value.is_list()) {
    ASSIGN_OR_RETURN(std::string text, ScalarToText(value, *member.shape, format));
    query.emplace_back(name, std::move(text));
    return base::Ok();
  }
  for (const Value& item : value.list()) {
    const Member& inner = *member.shape->item;
    ASSIGN_OR_RETURN(std::string text,
                     ScalarToText(item, *inner.shape, FormatOf(inner, TimestampFormat::kIso8601)));
    query.emplace_back(name, std::move(text));
  }
  return base::Ok();
}

// A map of query parameters; names that other members took already are theirs.
base::Status AddQueryMap(const Member& member, const Value& value, QueryParameters& query) {
  std::set<std::string> taken;
  for (const auto& [name, text] : query) taken.insert(name);
  for (const auto& [name, item] : value.members()) {
    if (taken.contains(name)) continue;
    Member one = *member.shape->value;
    one.name = name;
    one.location_name = name;
    RETURN_IF_ERROR(AddQueryMember(one, item, query));
  }
  return base::Ok();
}

// An item of a header's list: quoted when its text would be taken for several.
std::string HeaderItem(const std::string& text) {
  if (text.find_first_of(",\"") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

base::Result<std::string> HeaderText(const Member& member, const Value& value) {
  if (member.json_value) {
    return base::Base64Encode(value.is_string() ? value.str() : shapes::ToJson(value));
  }
  if (!value.is_list()) {
    return ScalarToText(value, *member.shape, FormatOf(member, TimestampFormat::kHttpDate));
  }
  std::string out;
  for (const Value& item : value.list()) {
    const Member& inner = *member.shape->item;
    ASSIGN_OR_RETURN(std::string text,
                     ScalarToText(item, *inner.shape, FormatOf(inner, TimestampFormat::kHttpDate)));
    const bool is_text = inner.shape->type == Type::kString;
    out.append(out.empty() ? "" : ", ").append(is_text ? HeaderItem(text) : text);
  }
  return out;
}

base::Status AddHeaderMap(const Member& member, const Value& value, ports::Headers& headers) {
  if (!value.is_members()) return base::Invalid(fmt::format("{} takes a map", member.name));
  for (const auto& [name, item] : value.members()) {
    ASSIGN_OR_RETURN(std::string text,
                     ScalarToText(item, *member.shape->value->shape, TimestampFormat::kHttpDate));
    headers.emplace_back(std::string(member.location_name) + name, std::move(text));
  }
  return base::Ok();
}

base::Status CheckHeaders(const ports::Headers& headers) {
  for (const auto& [name, value] : headers) {
    if (value.find_first_of("\r\n") != std::string::npos ||
        name.find_first_of("\r\n: ") != std::string::npos) {
      return base::Invalid(fmt::format("header {} may not hold a line break", name));
    }
  }
  return base::Ok();
}

base::Status AddBoundMembers(const Operation& operation, const Value& input, WireRequest& request) {
  std::vector<std::pair<const Member*, const Value*>> maps;
  for (const Member& member : operation.input->members) {
    const Value* found = input.Find(member.name);
    if (found == nullptr) continue;
    if (member.location == Location::kHeader) {
      ASSIGN_OR_RETURN(std::string text, HeaderText(member, *found));
      if (found->is_list() && found->list().empty()) continue;
      request.headers.emplace_back(WireName(member), std::move(text));
    } else if (member.location == Location::kHeaderMap) {
      RETURN_IF_ERROR(AddHeaderMap(member, *found, request.headers));
    } else if (member.location == Location::kQuery) {
      if (member.shape->type == Type::kMap) {
        maps.emplace_back(&member, found);
      } else {
        RETURN_IF_ERROR(AddQueryMember(member, *found, request.query));
      }
    }
  }
  for (const auto& [member, value] : maps)
    RETURN_IF_ERROR(AddQueryMap(*member, *value, request.query));
  return CheckHeaders(request.headers);
}

bool HasHeader(const WireRequest& request, std::string_view name) {
  return !ports::HttpResponse{.headers = request.headers}.Header(name).empty();
}

void SetContentType(WireRequest& request, std::string_view type) {
  if (!HasHeader(request, "Content-Type")) request.headers.emplace_back("Content-Type", type);
}

// The one member that is the whole body.
base::Status SetPayload(const Model& model, const Member& member, const Value* value,
                        WireRequest& request) {
  const Shape& shape = *member.shape;
  if (shape.type == Type::kBlob || (shape.type == Type::kString && !shape.document)) {
    if (value == nullptr) return base::Ok();
    request.body = value->is_blob() ? value->blob().bytes : value->is_string() ? value->str() : "";
    SetContentType(request, shape.type == Type::kBlob ? "application/octet-stream" : "text/plain");
    return base::Ok();
  }
  if (IsJson(model)) {
    if (value == nullptr && (shape.union_type || shape.document)) return base::Ok();
    SetContentType(request, "application/json");
    ASSIGN_OR_RETURN(request.body,
                     WriteJson(value == nullptr ? Value::Struct() : *value, member, Part::kWhole));
    return base::Ok();
  }
  if (value == nullptr) return base::Ok();
  SetContentType(request, "application/xml");
  const std::string_view root = !member.location_name.empty()  ? member.location_name
                                : !shape.location_name.empty() ? shape.location_name
                                                               : shape.name;
  const std::string_view space =
      member.xml_namespace_uri.empty() ? shape.xml_namespace : member.xml_namespace_uri;
  ASSIGN_OR_RETURN(request.body, WriteXml(*value, member, root, space, Part::kWhole));
  return base::Ok();
}

base::Status SetBody(const Model& model, const Operation& operation, const Value& input,
                     WireRequest& request) {
  const Shape& shape = *operation.input;
  if (!shape.payload_member.empty()) {
    return SetPayload(model, *shape.FindMember(shape.payload_member),
                      input.Find(shape.payload_member), request);
  }
  const auto travels = [](const Member& member) { return member.location == Location::kBody; };
  if (std::none_of(shape.members.begin(), shape.members.end(), travels)) return base::Ok();
  const Member whole{.name = shape.name, .shape = operation.input};
  if (IsJson(model)) {
    SetContentType(request, "application/json");
    ASSIGN_OR_RETURN(request.body,
                     WriteJson(input.is_null() ? Value::Struct() : input, whole, Part::kBody));
    return base::Ok();
  }
  const bool something =
      std::any_of(shape.members.begin(), shape.members.end(),
                  [&](const Member& member) { return travels(member) && input.Has(member.name); });
  if (!something && operation.input_location_name.empty()) return base::Ok();
  SetContentType(request, "application/xml");
  const std::string_view root = !shape.location_name.empty() ? shape.location_name
                                : !operation.input_location_name.empty()
                                    ? operation.input_location_name
                                    : shape.name;
  const std::string_view space = !operation.input_xml_namespace.empty()
                                     ? operation.input_xml_namespace
                                 : !shape.xml_namespace.empty() ? shape.xml_namespace
                                                                : model.xml_namespace;
  ASSIGN_OR_RETURN(request.body, WriteXml(input, whole, root, space, Part::kBody));
  return base::Ok();
}

// "a, \"b,c\", d" → its items.
std::vector<std::string> SplitHeaderList(std::string_view text) {
  std::vector<std::string> out;
  std::string item;
  bool quoted = false;
  const auto finish = [&] {
    const std::size_t first = item.find_first_not_of(' ');
    out.push_back(first == std::string::npos
                      ? ""
                      : item.substr(first, item.find_last_not_of(' ') - first + 1));
    item.clear();
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (quoted && text[i] == '\\' && i + 1 < text.size()) {
      item += text[++i];
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (text[i] == ',' && !quoted) {
      finish();
    } else {
      item += text[i];
    }
  }
  finish();
  return out;
}

// HTTP dates hold a comma each.
std::vector<std::string> JoinDates(const std::vector<std::string>& parts) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i + 1 < parts.size(); i += 2)
    out.push_back(parts[i] + ", " + parts[i + 1]);
  return out;
}

base::Result<Value> HeaderValue(const Member& member, std::string_view text) {
  if (member.json_value) {
    ASSIGN_OR_RETURN(std::string json, base::Base64Decode(text));
    return Value(std::move(json));
  }
  if (member.shape->type != Type::kList) {
    return ScalarFromText(text, *member.shape, FormatOf(member, TimestampFormat::kHttpDate));
  }
  const Member& item = *member.shape->item;
  const TimestampFormat format = FormatOf(item, TimestampFormat::kHttpDate);
  std::vector<std::string> parts = SplitHeaderList(text);
  if (item.shape->type == Type::kTimestamp && format == TimestampFormat::kHttpDate)
    parts = JoinDates(parts);
  Value::List list;
  for (const std::string& part : parts) {
    ASSIGN_OR_RETURN(Value value, ScalarFromText(part, *item.shape, format));
    list.push_back(std::move(value));
  }
  return Value(std::move(list));
}

std::string Lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return out;
}

Value ReadHeaderMap(const Member& member, const ports::Headers& headers) {
  Value out = Value::Struct();
  const std::string prefix = Lower(member.location_name);
  for (const auto& [name, value] : headers) {
    if (Lower(name).starts_with(prefix))
      out.members().emplace_back(name.substr(prefix.size()), value);
  }
  return out;
}

bool HasResponseHeader(const ports::HttpResponse& response, std::string_view name) {
  return std::any_of(response.headers.begin(), response.headers.end(),
                     [&](const auto& header) { return Lower(header.first) == Lower(name); });
}

base::Status DecodePayload(const Model& model, const Member& member, const std::string& body,
                           Value& out) {
  const Shape& shape = *member.shape;
  if (shape.type == Type::kBlob) {
    if (!body.empty() || shape.streaming) out.Set(member.name, shapes::Blob{body});
    return base::Ok();
  }
  if (body.empty()) return base::Ok();
  if (shape.type == Type::kString && !shape.document) {
    out.Set(member.name, body);
    return base::Ok();
  }
  ASSIGN_OR_RETURN(Value value, IsJson(model) ? ReadJson(body, member) : ReadXml(body, member, ""));
  out.Set(member.name, std::move(value));
  return base::Ok();
}

}  // namespace

base::Status DecodeHeaders(const Shape& shape, const ports::HttpResponse& response, Value& out) {
  for (const Member& member : shape.members) {
    if (member.location == Location::kStatusCode)
      out.Set(member.name, std::int64_t{response.status});
    if (member.location == Location::kHeaderMap) {
      out.Set(member.name, ReadHeaderMap(member, response.headers));
    }
    if (member.location != Location::kHeader || !HasResponseHeader(response, WireName(member)))
      continue;
    const std::string_view text = response.Header(WireName(member));
    if (text.empty() && member.shape->type != Type::kString) continue;
    base::Result<Value> value = HeaderValue(member, text);
    if (!value.ok())
      return base::ServiceBroken(
          fmt::format("header {}: {}", member.name, value.error().message()));
    out.Set(member.name, std::move(value).value());
  }
  return base::Ok();
}

base::Result<WireRequest> EncodeRest(const Model& model, const Operation& operation,
                                     const Value& input) {
  WireRequest request;
  request.method = operation.http_method;
  const std::size_t mark = operation.request_uri.find('?');
  ASSIGN_OR_RETURN(request.path,
                   FillLabels(operation, input, operation.request_uri.substr(0, mark)));
  if (mark != std::string_view::npos)
    request.query = ParseQuery(operation.request_uri.substr(mark + 1));
  if (operation.input == nullptr) return request;
  RETURN_IF_ERROR(AddBoundMembers(operation, input, request));
  RETURN_IF_ERROR(SetBody(model, operation, input, request));
  return request;
}

base::Result<Value> DecodeRest(const Model& model, const Operation& operation,
                               const ports::HttpResponse& response) {
  Value out = Value::Struct();
  if (operation.output == nullptr) return out;
  const Shape& shape = *operation.output;
  if (!shape.payload_member.empty()) {
    RETURN_IF_ERROR(
        DecodePayload(model, *shape.FindMember(shape.payload_member), response.body, out));
  } else if (!response.body.empty()) {
    const Member whole{.name = shape.name, .shape = operation.output};
    ASSIGN_OR_RETURN(
        out, IsJson(model) ? ReadJson(response.body, whole) : ReadXml(response.body, whole, ""));
    if (out.is_null()) out = Value::Struct();
  }
  RETURN_IF_ERROR(DecodeHeaders(shape, response, out));
  return out;
}

}  // namespace leeward::aws::codec
