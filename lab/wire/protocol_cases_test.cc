// Amazon's published protocol cases, from the receiving side: a request must be read as its
// parameters, and a result must be written so that the published answer says the same.
#include "shapes/protocol_cases.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <pugixml.hpp>
#include <sstream>

#include "base/bytes.h"
#include "lab/wire/codec.h"
#include "lab/wire/formats.h"
#include "lab/wire/scalar.h"

namespace leeward::lab::wire {
namespace {

using Json = nlohmann::json;
using shapes::Shape;
using shapes::Type;
using shapes::Value;

constexpr const char* kFiles[] = {"query",
                                  "ec2",
                                  "json",
                                  "json_1_0",
                                  "rest-json",
                                  "rest-xml",
                                  "smithy-rpc-v2-cbor",
                                  "json_1_0-query-compatible",
                                  "smithy-rpc-v2-cbor-query-compatible",
                                  "smithy-rpc-v2-cbor-non-query-compatible"};

struct Exception {
  std::string_view part_of_id;
  std::string_view why;
};

// Cases that say something about clients alone.
constexpr Exception kRequestExceptions[] = {
    {"SDKApp", "compressed in a way of the client's own choice"},
    {"HostWithPath",
     "the client is given an endpoint with a path, which the server's side takes off"},
    {"AwsJson10EndpointTrait", "states no X-Amz-Target"},
    {"EmptyQueryMaps", "an empty map leaves no trace in a request"},
    {"Ec2EmptyQueryLists", "an empty list leaves no trace in a request"},
    {"OmitsEmptyListQueryValues", "an empty list leaves no trace in a request"},
    {"PrefixHeadersAreNotPresent", "an empty map leaves no trace in a request"},
    {"QueryPrecedence", "the parameter that loses is not sent"},
    {"HttpWithEmptyStructurePayload", "the client sends {} for a payload that is not there"},
    {"HttpWithHeadersButNoPayload", "the client sends {} for a payload that is not there"},
};
constexpr Exception kAnswerExceptions[] = {
    {"DateTimeWith", "times with offsets are read, never written"},
    {"IgnoreType", "members that the model lacks are never written"},
    {"Null", "null members are left out"},
    {"SkipsNull", "null members are left out"},
    {"QueryEmptyInputAndEmptyOutput", "an answer is never without its envelope"},
    {"QueryNoInputAndOutput", "an answer is never without its envelope"},
    {"IgnoreQueryParamsInResponse",
     "no served operation answers a member that is bound to a query"},
};

template <std::size_t kSize>
bool IsException(const Exception (&exceptions)[kSize], const std::string& id) {
  for (const Exception& exception : exceptions) {
    if (id.find(exception.part_of_id) != std::string::npos) return true;
  }
  return false;
}

Value Document(const Json& json) {
  if (json.is_boolean()) return Value(json.get<bool>());
  if (json.is_number_integer()) return Value(json.get<std::int64_t>());
  if (json.is_number()) return Value(json.get<double>());
  if (json.is_string()) return Value(json.get<std::string>());
  Value out = json.is_array() ? Value::EmptyList() : Value::Struct();
  for (const auto& [key, part] : json.items())
    json.is_array() ? out.list().push_back(Document(part)) : void(out.Set(key, Document(part)));
  return json.is_null() ? Value() : out;
}

// The cases' way to write parameters: times in seconds, blobs as text.
Value FromCase(const Shape& shape, const Json& json) {
  if (json.is_null()) return Value();
  if (shape.document) return Document(json);
  switch (shape.type) {
    case Type::kStructure: {
      Value out = Value::Struct();
      for (const auto& [name, part] : json.items()) {
        const shapes::Member* member = shape.FindMember(name);
        if (member == nullptr || part.is_null()) continue;
        const bool json_text = member->json_value;
        out.Set(name, json_text ? Value(part.is_string() ? part.get<std::string>() : part.dump())
                                : FromCase(*member->shape, part));
      }
      return out;
    }
    case Type::kMap: {
      Value out = Value::Struct();
      for (const auto& [name, part] : json.items())
        out.Set(name, FromCase(*shape.value->shape, part));
      return out;
    }
    case Type::kList: {
      Value::List list;
      for (const Json& part : json) list.push_back(FromCase(*shape.item->shape, part));
      return Value(std::move(list));
    }
    case Type::kTimestamp:
      return Value(TimeFromSeconds(json.get<double>()));
    case Type::kBlob:
      return Value(shapes::Blob{json.get<std::string>()});
    case Type::kFloat:
    case Type::kDouble:
      return json.is_string() ? Value(*NumberFromText(json.get<std::string>()))
                              : Value(json.get<double>());
    default:
      return Document(json);
  }
}

// Equal whatever the order of members; not-a-number equals itself; absent is the same as null.
bool Same(const Value& a, const Value& b) {
  if (a.is_double() && b.is_double() && std::isnan(a.number()) && std::isnan(b.number()))
    return true;
  if (a.is_double() && b.is_double())
    return std::abs(a.number() - b.number()) <= 1e-6 * std::abs(a.number()) ||
           a.number() == b.number();
  if (a.is_list() && b.is_list()) {
    if (a.list().size() != b.list().size()) return false;
    for (std::size_t i = 0; i < a.list().size(); ++i) {
      if (!Same(a.list()[i], b.list()[i])) return false;
    }
    return true;
  }
  if (!a.is_members() || !b.is_members()) return a == b;
  for (const auto* pair : {&a, &b}) {
    const Value& other = pair == &a ? b : a;
    for (const auto& [name, part] : pair->members()) {
      const Value* found = other.Find(name);
      if (found == nullptr ? !part.is_null() : !Same(part, *found)) return false;
    }
  }
  return true;
}

struct Case {
  std::string id;
  const shapes::Model* model = nullptr;
  Json json;
};

std::vector<Case> Cases(const std::string& direction, const std::string& file) {
  std::vector<Case> cases;
  std::ifstream in(
      fmt::format("{}/protocols/{}/{}.json", shapes::VectorsFolder(), direction, file));
  if (!in) return cases;
  const Json suites = Json::parse(in);
  for (std::size_t i = 0; i < suites.size(); ++i) {
    for (std::size_t j = 0; j < suites[i]["cases"].size(); ++j) {
      const Json& json = suites[i]["cases"][j];
      const auto* model =
          shapes::FindProtocolCase(fmt::format("{}/{}/{}/{}", direction, file, i, j));
      cases.push_back({json["id"], model, json});
    }
  }
  return cases;
}

class ProtocolCases : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (shapes::VectorsFolder().empty()) {
      fmt::print("the published protocol cases are not here (LEEWARD_VECTORS): not run\n");
    }
  }
  bool cbor() const { return std::string(GetParam()).find("cbor") != std::string::npos; }
  std::string Bytes(const std::string& body) const {
    return cbor() ? *base::Base64Decode(body) : body;
  }
};

Request RequestOf(const Json& serialized, const std::string& body) {
  Request request;
  request.method = serialized.value("method", "POST");
  request.target = serialized.value("uri", "/");
  if (serialized.contains("headers")) {
    for (const auto& [name, value] : serialized["headers"].items())
      request.headers.emplace_back(name, value.get<std::string>());
  }
  request.body = body;
  return request;
}

TEST_P(ProtocolCases, RequestsAreRead) {
  for (const Case& each : Cases("input", GetParam())) {
    SCOPED_TRACE(each.id);
    ASSERT_NE(each.model, nullptr);
    if (IsException(kRequestExceptions, each.id)) continue;
    Request request =
        RequestOf(each.json["serialized"], Bytes(each.json["serialized"].value("body", "")));
    const shapes::Model* models[] = {each.model};
    const Route route = FindRoute(request, each.model->signing_name, models);
    if (route.refusal) {
      ADD_FAILURE() << route.refusal->code << ": " << route.refusal->message;
      continue;
    }
    const auto read = DecodeInput(route, request);
    if (!read.ok()) {
      ADD_FAILURE() << read.error().message();
      continue;
    }
    Value actual = *read;
    if (route.operation->input == nullptr) continue;
    Value wanted = FromCase(*route.operation->input, each.json["params"]);
    for (const auto& member : route.operation->input->members) {
      // The client made these up.
      if (member.idempotency_token && !wanted.Has(member.name)) actual.Erase(member.name);
      // The cases differ on whether a map repeats the parameters that other members have.
      const bool other_has =
          std::any_of(route.operation->input->members.begin(),
                      route.operation->input->members.end(), [&](const auto& other) {
                        return &other != &member && other.location == member.location;
                      });
      if (member.location == shapes::Location::kQuery && member.shape->type == Type::kMap &&
          other_has) {
        actual.Erase(member.name);
        wanted.Erase(member.name);
      }
    }
    EXPECT_TRUE(Same(actual, wanted))
        << "read " << shapes::ToJson(actual) << "\nnot " << shapes::ToJson(wanted);
  }
}

// An element as text without what may differ: order of siblings, namespaces, request ids, layout.
std::string Canonical(const pugi::xml_node& node) {
  std::string_view name = node.name();
  if (name.find(':') != std::string_view::npos) name.remove_prefix(name.find(':') + 1);
  if (SameText(name, "RequestId") || name == "ResponseMetadata" || name == "Type") return "";
  std::multimap<std::string, int> parts;
  std::string text;
  for (const pugi::xml_node child : node.children()) {
    if (child.type() == pugi::node_element)
      parts.emplace(Canonical(child), 0);
    else
      text += child.value();
  }
  for (const pugi::xml_attribute attribute : node.attributes()) {
    if (!std::string_view(attribute.name()).starts_with("xmlns"))
      parts.emplace(fmt::format("@{}={}", attribute.name(), attribute.value()), 0);
  }
  std::string inner = parts.empty() ? text : "";
  for (const auto& [part, ignored] : parts) inner += part;
  return fmt::format("<{}>{}</>", name, inner);
}

std::string Comparable(const std::string& body, shapes::Protocol protocol) {
  const bool xml = protocol == shapes::Protocol::kQuery || protocol == shapes::Protocol::kEc2 ||
                   protocol == shapes::Protocol::kRestXml;
  if (xml) {
    pugi::xml_document document;
    if (!document.load_buffer(body.data(), body.size())) return body;
    return Canonical(document.document_element());
  }
  if (body.empty()) return "{}";
  const Json json = Json::parse(body, nullptr, false);
  return json.is_discarded() ? body : json.dump();
}

TEST_P(ProtocolCases, AnswersSayTheSame) {
  for (const Case& each : Cases("output", GetParam())) {
    SCOPED_TRACE(each.id);
    ASSERT_NE(each.model, nullptr);
    if (!each.json.contains("result") || IsException(kAnswerExceptions, each.id)) continue;
    const shapes::Operation& operation = each.model->operations.front();
    if (operation.output == nullptr) continue;
    const Value output = FromCase(*operation.output, each.json["result"]);
    const shapes::Protocol protocol = each.model->protocols.front();
    const auto response = EncodeOutput(protocol, *each.model, operation, output, "id");
    const std::string wanted = Bytes(each.json["response"].value("body", ""));
    if (cbor()) {
      const auto mine = DecodeCbor(*operation.output, response.body);
      const auto theirs = DecodeCbor(*operation.output, wanted);
      ASSERT_TRUE(mine.ok() && theirs.ok());
      EXPECT_TRUE(Same(*mine, *theirs))
          << shapes::ToJson(*mine) << "\nnot " << shapes::ToJson(*theirs);
    } else {
      EXPECT_EQ(Comparable(response.body, protocol), Comparable(wanted, protocol));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Files, ProtocolCases, testing::ValuesIn(kFiles), [](const auto& chosen) {
  std::string name = chosen.param;
  std::erase_if(name, [](char c) { return c == '-' || c == '_'; });
  return name;
});

}  // namespace
}  // namespace leeward::lab::wire
