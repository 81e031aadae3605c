// Amazon's published protocol cases: parameters → the request they must become, answers → what they
// must be read as.
#include "shapes/protocol_cases.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <pugixml.hpp>
#include <set>
#include <sstream>

#include "aws/client_internal.h"
#include "aws/wire.h"
#include "base/bytes.h"

namespace leeward::aws {
namespace {

using Json = nlohmann::ordered_json;
using shapes::Member;
using shapes::Model;
using shapes::Operation;
using shapes::Shape;
using shapes::Type;
using shapes::Value;

// Input cases that do not run, each with its reason.
const std::map<std::string, std::string> kLeftOut = {
    {"SDKAppliedContentEncoding_awsQuery", "request bodies are never compressed"},
    {"SDKAppliedContentEncoding_ec2Query", "request bodies are never compressed"},
    {"SDKAppliedContentEncoding_awsJson1_0", "request bodies are never compressed"},
    {"SDKAppliedContentEncoding_awsJson1_1", "request bodies are never compressed"},
    {"SDKAppliedContentEncoding_restJson1", "request bodies are never compressed"},
    {"SDKAppliedContentEncoding_restXml", "request bodies are never compressed"},
    {"SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsQuery",
     "request bodies are never compressed"},
    {"SDKAppendsGzipAndIgnoresHttpProvidedEncoding_ec2Query",
     "request bodies are never compressed"},
    {"SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsJson1_0",
     "request bodies are never compressed"},
    {"SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsJson1_1",
     "request bodies are never compressed"},
    {"SDKAppendedGzipAfterProvidedEncoding_restJson1", "request bodies are never compressed"},
    {"SDKAppendedGzipAfterProvidedEncoding_restXml", "request bodies are never compressed"},
    // S3's own model names LifecycleConfiguration by the member, and S3 wants that name.
    {"RestXmlHttpPayloadWithUnion", "the root is named after the member, as S3 needs it"},
    {"HttpPayloadWithXmlName", "the root is named after the member, as S3 needs it"},
    {"HttpPayloadWithXmlNamespace", "the root is named after the member, as S3 needs it"},
    {"HttpPayloadWithXmlNamespaceAndPrefix", "the root is named after the member, as S3 needs it"},
    {"XmlAttributesOnPayload", "the root is named after the member, as S3 needs it"},
};

Value FromCase(const Json& json, const Shape& shape);

Value ScalarFromCase(const Json& json, const Shape& shape) {
  if (shape.type == Type::kBlob) return shapes::Blob{json.get<std::string>()};
  if (shape.type == Type::kTimestamp && json.is_number()) {
    return base::WallTime{base::Duration(std::llround(json.get<double>() * 1000) * 1'000'000)};
  }
  const bool real = shape.type == Type::kFloat || shape.type == Type::kDouble;
  if (real && json.is_string()) {
    const std::string text = json.get<std::string>();
    const double infinity = std::numeric_limits<double>::infinity();
    return text == "NaN"        ? std::numeric_limits<double>::quiet_NaN()
           : text == "Infinity" ? infinity
                                : -infinity;
  }
  if (real) return json.get<double>();
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number_integer()) return json.get<std::int64_t>();
  return json.get<std::string>();
}

Value FreeFromCase(const Json& json) {
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number_integer()) return json.get<std::int64_t>();
  if (json.is_number()) return json.get<double>();
  if (json.is_string()) return json.get<std::string>();
  if (json.is_array()) {
    Value::List list;
    for (const Json& item : json) list.push_back(FreeFromCase(item));
    return list;
  }
  if (json.is_null()) return {};
  Value out = Value::Struct();
  for (const auto& [name, item] : json.items()) out.Set(name, FreeFromCase(item));
  return out;
}

Value FromCase(const Json& json, const Shape& shape) {
  if (json.is_null()) return {};
  if (shape.document) return FreeFromCase(json);
  if (shape.type == Type::kList) {
    Value::List list;
    for (const Json& item : json) list.push_back(FromCase(item, *shape.item->shape));
    return list;
  }
  if (shape.type != Type::kStructure && shape.type != Type::kMap) {
    return json.is_structured() ? FreeFromCase(json) : ScalarFromCase(json, shape);
  }
  Value out = Value::Struct();
  for (const auto& [name, item] : json.items()) {
    const Member* member = shape.type == Type::kMap ? shape.value : shape.FindMember(name);
    if (member == nullptr) {
      ADD_FAILURE() << shape.name << " has no member " << name;
      continue;
    }
    out.Set(name, FromCase(item, *member->shape));
  }
  return out;
}

// Members sorted, absent ones dropped: what two Values must share to mean the same.
Value Canonical(const Value& value) {
  if (value.is_list()) {
    Value::List list;
    for (const Value& item : value.list()) list.push_back(Canonical(item));
    return list;
  }
  if (!value.is_members()) return value;
  std::map<std::string, Value> sorted;
  for (const auto& [name, item] : value.members()) sorted.emplace(name, Canonical(item));
  Value out = Value::Struct();
  for (auto& [name, item] : sorted) out.Set(name, std::move(item));
  return out;
}

std::string Text(const Value& value) {
  // NaN is written as null by ToJson, which is enough to tell it from every number.
  return shapes::ToJson(Canonical(value));
}

std::vector<std::string> SortedFields(const std::string& form) {
  std::vector<std::string> out;
  std::stringstream in(form);
  for (std::string field; std::getline(in, field, '&');) out.push_back(field);
  std::sort(out.begin(), out.end());
  return out;
}

std::string XmlOutline(const pugi::xml_node& node) {
  std::map<std::string, std::string> attributes;
  for (const pugi::xml_attribute& a : node.attributes()) attributes[a.name()] = a.value();
  std::string out = fmt::format("<{}", node.name());
  for (const auto& [name, value] : attributes) out += fmt::format(" {}={}", name, value);
  out += '>';
  std::string text;
  std::vector<std::string> children;
  for (const pugi::xml_node& child : node.children()) {
    if (child.type() == pugi::node_element) {
      children.push_back(XmlOutline(child));
    } else {
      text += child.value();
    }
  }
  for (const std::string& child : children) out += child;
  return out + (children.empty() ? text : "") + fmt::format("</{}>", node.name());
}

void ExpectSameXml(const std::string& actual, const std::string& expected) {
  pugi::xml_document a, b;
  ASSERT_TRUE(a.load_buffer(actual.data(), actual.size())) << actual;
  ASSERT_TRUE(b.load_buffer(expected.data(), expected.size())) << expected;
  EXPECT_EQ(XmlOutline(a.document_element()), XmlOutline(b.document_element()));
}

bool IsForm(const Model& model) {
  return model.protocols.front() == shapes::Protocol::kQuery ||
         model.protocols.front() == shapes::Protocol::kEc2;
}

void CheckBody(const Model& model, const std::string& actual, const std::string& expected) {
  if (IsForm(model)) {
    EXPECT_EQ(SortedFields(actual), SortedFields(expected));
  } else if (const Json json = Json::parse(expected, nullptr, false);
             !json.is_discarded() && json.is_structured()) {
    EXPECT_EQ(nlohmann::json::parse(actual, nullptr, false), nlohmann::json::parse(expected))
        << actual;
  } else if (const std::size_t first = expected.find_first_not_of(" \n");
             first != std::string::npos && expected[first] == '<') {
    ExpectSameXml(actual, expected);
  } else {
    EXPECT_EQ(actual, expected);
  }
}

void CheckRequest(const Model& model, const Json& given, const Json& serialized,
                  const WireRequest& request) {
  EXPECT_EQ(request.method, serialized.value("method", "POST"));
  const std::string uri = serialized.value("uri", "/");
  const std::size_t mark = std::min(uri.find('?'), uri.size());
  const std::string base_path =
      std::string(EndpointPath(given.value("clientEndpoint", "https://example.com")));
  EXPECT_EQ(JoinPaths(base_path, request.path), uri.substr(0, mark));
  EXPECT_EQ(
      CanonicalQuery(request.query),
      CanonicalQuery(ParseQuery(std::string_view(uri).substr(std::min(uri.size(), mark + 1)))));
  if (serialized.contains("body"))
    CheckBody(model, request.body, serialized["body"].get<std::string>());
  const ports::HttpResponse holder{.status = 0, .headers = request.headers, .body = ""};
  const Json headers = serialized.value("headers", Json::object());
  for (const auto& [name, value] : headers.items()) {
    std::string actual(holder.Header(name));
    if (IsForm(model)) actual = actual.substr(0, actual.find(';'));
    EXPECT_EQ(actual, value.get<std::string>()) << name;
  }
  for (const Json& name : serialized.value("forbidHeaders", Json::array())) {
    EXPECT_EQ(holder.Header(name.get<std::string>()), "") << name;
  }
  const std::string host = serialized.value("host", "");
  if (!host.empty() && host.find('/') == std::string::npos) {
    EXPECT_EQ(request.host_prefix + "example.com", host);
  }
}

class FixedToken : public ports::Random {
 public:
  std::uint64_t Next() override { return 0; }
};

void RunInput(const Model& model, const Json& suite, const Json& one) {
  const Operation& operation = model.operations.front();
  const Value input =
      operation.input == nullptr ? Value::Struct() : FromCase(one["params"], *operation.input);
  FixedToken random;
  const base::Result<WireRequest> request =
      EncodeRequest(model, operation, WithIdempotencyTokens(operation, input, random));
  ASSERT_TRUE(request.ok()) << request.error().message();
  CheckRequest(model, suite, one["serialized"], *request);
}

void CheckError(const Model& model, const Json& one, const ports::HttpResponse& response) {
  const Operation& operation = model.operations.front();
  const ServiceError error = DecodeError(model, operation, response);
  EXPECT_EQ(error.code, one.value("errorCode", ""));
  if (one.contains("errorMessage")) {
    EXPECT_EQ(error.message, one["errorMessage"].get<std::string>());
  }
  for (const Shape* shape : operation.errors) {
    if (shape->error->code == error.code) {
      EXPECT_EQ(Text(error.members), Text(FromCase(one["error"], *shape)));
    }
  }
}

void RunOutput(const Model& model, const Json& one) {
  const Operation& operation = model.operations.front();
  const Json& given = one["response"];
  ports::HttpResponse response;
  response.status = given.value("status_code", 200);
  response.body = given.value("body", "");
  const Json headers = given.value("headers", Json::object());
  for (const auto& [name, value] : headers.items())
    response.headers.emplace_back(name, value.get<std::string>());
  if (one.contains("errorCode") || response.status >= 300) return CheckError(model, one, response);
  const base::Result<Value> value = DecodeResponse(model, operation, response);
  ASSERT_TRUE(value.ok()) << value.error().message();
  const Value expected =
      operation.output == nullptr ? Value::Struct() : FromCase(one["result"], *operation.output);
  EXPECT_EQ(Text(*value), Text(expected));
}

struct Tally {
  int ran = 0;
  std::map<std::string, std::string> left_out;
};

void RunFile(const std::string& direction, const std::string& stem, Tally& tally) {
  std::ifstream in(
      fmt::format("{}/protocols/{}/{}.json", shapes::VectorsFolder(), direction, stem));
  const Json suites = Json::parse(in, nullptr, false);
  ASSERT_TRUE(suites.is_array()) << stem;
  for (std::size_t s = 0; s < suites.size(); ++s) {
    for (std::size_t c = 0; c < suites[s]["cases"].size(); ++c) {
      const Json& one = suites[s]["cases"][c];
      const std::string id = one["id"];
      const auto reason = kLeftOut.find(id);
      if (direction == "input" && reason != kLeftOut.end()) {
        tally.left_out.insert(*reason);
        continue;
      }
      SCOPED_TRACE(fmt::format("{}/{}: {}", direction, stem, id));
      const Model* model =
          shapes::FindProtocolCase(fmt::format("{}/{}/{}/{}", direction, stem, s, c));
      ASSERT_NE(model, nullptr);
      direction == "input" ? RunInput(*model, suites[s], one) : RunOutput(*model, one);
      ++tally.ran;
    }
  }
}

class ProtocolCases : public testing::TestWithParam<const char*> {};

TEST_P(ProtocolCases, AgreeInBothDirections) {
  if (shapes::VectorsFolder().empty()) {
    std::cout << "protocol cases are not here (set LEEWARD_VECTORS and build again): this part did "
                 "not run\n";
    return;
  }
  for (const std::string direction : {"input", "output"}) {
    Tally tally;
    RunFile(direction, GetParam(), tally);
    std::cout << fmt::format("{} {}: {} cases ran\n", GetParam(), direction, tally.ran);
    for (const auto& [id, reason] : tally.left_out)
      std::cout << fmt::format("  left out: {} ({})\n", id, reason);
    EXPECT_GT(tally.ran, 0);
  }
}

std::string CaseName(const testing::TestParamInfo<const char*>& info) {
  std::string name = info.param;
  std::erase_if(name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; });
  return name;
}

INSTANTIATE_TEST_SUITE_P(Published, ProtocolCases,
                         testing::Values("query", "ec2", "json", "json_1_0",
                                         "json_1_0-query-compatible", "rest-json", "rest-xml"),
                         CaseName);

}  // namespace
}  // namespace leeward::aws
