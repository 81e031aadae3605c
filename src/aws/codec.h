// The parts of the wire formats, shared by the protocols. Internal to this room.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "aws/wire.h"

namespace leeward::aws::codec {

using shapes::Member;
using shapes::Model;
using shapes::Operation;
using shapes::Shape;
using shapes::TimestampFormat;
using shapes::Value;

// Deeper answers and inputs are refused.
constexpr int kMaxDepth = 64;

// The name on the wire, and the name in a Value when the model gives no other.
inline std::string_view WireName(const Member& member) {
  return member.location_name.empty() ? member.name : member.location_name;
}
// The member's format, else the shape's, else the protocol's.
TimestampFormat FormatOf(const Member& member, TimestampFormat protocol_default);

// A scalar as text: "true", "12", "NaN", base64, a time. kInvalid for lists, structures and absent
// Values.
base::Result<std::string> ScalarToText(const Value& value, const Shape& shape,
                                       TimestampFormat format);
base::Result<Value> ScalarFromText(std::string_view text, const Shape& shape,
                                   TimestampFormat format);
std::string TimestampText(base::WallTime time, TimestampFormat format);
base::Result<base::WallTime> TimestampFromText(std::string_view text, TimestampFormat format);
base::WallTime TimestampFromSeconds(double seconds);

// query and ec2: the form's fields.
base::Result<WireRequest> EncodeQuery(const Model& model, const Operation& operation,
                                      const Value& input);
base::Result<Value> DecodeQuery(const Model& model, const Operation& operation,
                                const ports::HttpResponse& response);

// JSON 1.0 and 1.1.
base::Result<WireRequest> EncodeJson(const Model& model, const Operation& operation,
                                     const Value& input);
base::Result<Value> DecodeJson(const Operation& operation, const ports::HttpResponse& response);

// rest-json and rest-xml.
base::Result<WireRequest> EncodeRest(const Model& model, const Operation& operation,
                                     const Value& input);
base::Result<Value> DecodeRest(const Model& model, const Operation& operation,
                               const ports::HttpResponse& response);
// Members of `shape` that travel in headers or as the status, into `out`.
base::Status DecodeHeaders(const Shape& shape, const ports::HttpResponse& response, Value& out);

enum class Part {
  kWhole,  // all members
  kBody,   // only those that travel in the body
};

// JSON documents.
base::Result<std::string> WriteJson(const Value& value, const Member& member, Part part);
base::Result<Value> ReadJson(std::string_view text, const Member& member);
// {"string": "also not a string"} → its text members; for errors.
struct JsonErrorText {
  std::string code;
  std::string message;
};
JsonErrorText ReadJsonError(std::string_view text);

// XML documents. `root` and `xml_namespace` name the outermost element.
base::Result<std::string> WriteXml(const Value& value, const Member& member, std::string_view root,
                                   std::string_view xml_namespace, Part part);
// The element found by following `path` from the root ("" is the root itself); missing ones are
// skipped.
base::Result<Value> ReadXml(std::string_view text, const Member& member, std::string_view path);
struct XmlErrorText {
  std::string code;
  std::string message;
  std::string request_id;
};
XmlErrorText ReadXmlError(std::string_view text);
// The members of an error's shape, wherever the protocol puts them.
Value ReadXmlErrorMembers(std::string_view text, const Shape& shape);

}  // namespace leeward::aws::codec
