// The body formats, each guided by shapes: query parameters, JSON, XML and CBOR.
//
// Decoding errors are the sender's (kInvalid: what cannot be read and where). Encoding errors are
// ours (kService): a service answered something its model does not know.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "lab/wire/request.h"
#include "shapes/model.h"
#include "shapes/value.h"

namespace leeward::lab::wire {

inline constexpr int kMaxDepth = 64;

// Which members of a structure belong to the body: all, or those without a place of their own
// (REST).
enum class Members { kAll, kBodyOnly };

// --- query and ec2 parameters
// ----------------------------------------------------------------------
enum class QueryStyle { kQuery, kEc2 };
base::Result<shapes::Value> DecodeQuery(const shapes::Shape& shape, const Pairs& parameters,
                                        QueryStyle style);
// The names of parameters that no member of the shape reads. None when they cannot be decoded.
std::vector<std::string> UnreadParameters(const shapes::Shape& shape, const Pairs& parameters,
                                          QueryStyle style);

// --- JSON
// ------------------------------------------------------------------------------------------
base::Result<shapes::Value> DecodeJson(const shapes::Shape& shape, std::string_view text,
                                       Members members = Members::kAll);
base::Result<std::string> EncodeJson(const shapes::Shape& shape, const shapes::Value& value,
                                     Members members = Members::kAll);
// The members of an error with its type and message, in one object.
base::Result<std::string> EncodeJsonError(const shapes::Shape* shape, const shapes::Value& value,
                                          const shapes::Value& extra, Members members);

// --- XML
// -------------------------------------------------------------------------------------------
base::Result<shapes::Value> DecodeXml(const shapes::Shape& shape, std::string_view text,
                                      Members members = Members::kAll);
// The elements of a structure's members, without an element around them; attributes are left out.
base::Result<std::string> EncodeXmlMembers(const shapes::Shape& shape, const shapes::Value& value,
                                           Members members = Members::kAll);
// A whole element of that name with its attributes and members.
base::Result<std::string> EncodeXmlElement(std::string_view name, std::string_view xml_namespace,
                                           const shapes::Shape& shape, const shapes::Value& value,
                                           Members members = Members::kAll);
std::string EscapeXml(std::string_view text);

// --- CBOR
// ------------------------------------------------------------------------------------------
base::Result<shapes::Value> DecodeCbor(const shapes::Shape& shape, std::string_view bytes);
base::Result<std::string> EncodeCbor(const shapes::Shape& shape, const shapes::Value& value);
base::Result<std::string> EncodeCborError(const shapes::Shape* shape, const shapes::Value& value,
                                          const shapes::Value& extra);

// The wire name of a member: its own where the model gives one.
std::string_view WireName(const shapes::Member& member);
bool InBody(const shapes::Member& member, Members members);

}  // namespace leeward::lab::wire
