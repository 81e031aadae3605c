// A request's members: whether they are what Amazon's model allows, and how they are read.
#pragma once

#include <rapidjson/document.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lab/items/json.h"
#include "lab/tables/answer.h"
#include "shapes/model.h"

namespace leeward::lab::tables {

using Json = rapidjson::Value;

// A whole request against its shape. First what is of another JSON type than the model's, anywhere
// in it: SerializationException. Then all that breaks a constraint, together: "2 validation errors
// detected: Value null at 'tableName' failed to satisfy constraint: Member must not be null; ...".
// Attribute values are looked at for their JSON types alone. Members that the model has not are
// passed over, as AWS does.
Verdict CheckMembers(const shapes::Shape& shape, const Json& body);

// The member, or nullptr when it is absent or null.
const Json* Find(const Json& object, std::string_view name);
using items::TextOf;
// Reads of members that CheckMembers found right: the fallback when they are not there.
std::string_view Text(const Json& object, std::string_view name, std::string_view fallback = "");
std::int64_t Whole(const Json& object, std::string_view name, std::int64_t fallback);
enum class Flag : bool { kOff = false, kOn = true };
Flag FlagOf(const Json& object, std::string_view name, Flag fallback = Flag::kOff);

}  // namespace leeward::lab::tables
