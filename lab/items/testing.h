// What the tests of this room share: values out of JSON texts.
#pragma once

#include <rapidjson/document.h>

#include <string>
#include <string_view>

#include "base/check.h"
#include "lab/items/attribute.h"
#include "lab/items/json.h"

namespace leeward::lab::items::testing {

inline rapidjson::Document Parsed(std::string_view text) {
  rapidjson::Document document;
  document.Parse(text.data(), text.size());
  CHECK_MSG(!document.HasParseError(), "the test's JSON is bad");
  return document;
}

inline Item ItemOf(std::string_view text) {
  const rapidjson::Document document = Parsed(text);
  auto item = ItemFromJson(document);
  CHECK_MSG(item.ok(), item.ok() ? "" : item.error().message.c_str());
  return std::move(item).value();
}

inline Attribute ValueOf(std::string_view text) {
  const rapidjson::Document document = Parsed(text);
  auto value = AttributeFromJson(document);
  CHECK_MSG(value.ok(), value.ok() ? "" : value.error().message.c_str());
  return std::move(value).value();
}

// The message of an outcome's error; "" when it is none.
template <typename T>
std::string MessageOf(const Outcome<T>& outcome) {
  return outcome.ok() ? "" : outcome.error().message;
}

}  // namespace leeward::lab::items::testing
