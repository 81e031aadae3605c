// DynamoDB's JSON: {"S": "text"}, {"N": "12"}, {"L": [...]}, ... and back.
//
// DynamoDB reads a whole request before it looks at any value of it, so SerializationExceptions (a
// JSON type that does not fit the model) come before everything else, then the constraints of the
// model (the server's), then the values. AttributeFromJson and ItemFromJson do both passes for what
// they are given, in that order, and need one walk when all is well. A server with further members
// first does CheckItemShape (or CheckAttributeShape) on each member.
//
// Order within the values: attributes as they stand in the text, depth first; of one attribute:
// each datatype given (in the order of the text: NULL not true, empty or duplicate sets, bad
// numbers), then none ("Supplied AttributeValue is empty, must contain exactly one of the supported
// datatypes"), then more than one ("... has more than one datatypes set, ..."). Members that are
// null or no datatype do not count, as if they were not there.
#pragma once

#include <rapidjson/document.h>

#include <string>
#include <string_view>

#include "lab/items/attribute.h"
#include "lab/items/outcome.h"

namespace leeward::lab::items {

// The characters of a JSON string, which is not copied.
inline std::string_view TextOf(const rapidjson::Value& json) {
  return {json.GetString(), json.GetStringLength()};
}

// A JSON value that is one AttributeValue: {"S": "a"}.
Outcome<Attribute> AttributeFromJson(const rapidjson::Value& json);
// A JSON value that is a map of name to AttributeValue: Item, Key, ExpressionAttributeValues,
// ExclusiveStartKey. Names are not checked. Of a name that is given twice the last one counts.
// Values nested deeper than kMaxNesting are refused.
Outcome<Item> ItemFromJson(const rapidjson::Value& json);
// The first pass alone: what only a SerializationException can say.
Verdict CheckAttributeShape(const rapidjson::Value& json);
Verdict CheckItemShape(const rapidjson::Value& json);

// What the model wants where a value of another JSON type stands; the names are Java's, as in
// DynamoDB's messages.
enum class Wanted { kString, kBoolean, kInteger, kLong, kDouble, kBlob, kList, kMap, kStructure };
// The SerializationException that DynamoDB answers for `json` in the place of `wanted`. `java_type`
// completes the message for a list in the place of something else: for scalars it may be empty; for
// maps and structures "java.util.Map<java.lang.String,
// com.amazonaws.dynamodb.v20120810.AttributeValue>" or "class
// com.amazonaws.dynamodb.v20120810.KeysAndAttributes".
ApiError WrongJsonType(const rapidjson::Value& json, Wanted wanted,
                       std::string_view java_type = {});

// Appends {"S":"a"}; bytes that are not UTF-8 cannot be in S, SS or names.
void AppendJson(const Attribute& value, std::string& out);
// Appends {"name":{"S":"a"},...}.
void AppendJson(const Item& item, std::string& out);
// Appends the text with its quotes, escaped.
void AppendJsonString(std::string_view text, std::string& out);
std::string ToJson(const Attribute& value);
std::string ToJson(const Item& item);

}  // namespace leeward::lab::items
