#include "shapes/value.h"

#include <algorithm>

#include "base/check.h"

namespace leeward::shapes {

Value Value::Struct(std::initializer_list<std::pair<std::string, Value>> members) {
  Value value;
  value.data_ = Members(members);
  return value;
}

bool Value::boolean() const {
  CHECK(is_bool());
  return std::get<bool>(data_);
}
std::int64_t Value::integer() const {
  CHECK(is_int());
  return std::get<std::int64_t>(data_);
}
double Value::number() const {
  if (is_int()) return static_cast<double>(std::get<std::int64_t>(data_));
  CHECK(is_double());
  return std::get<double>(data_);
}
const std::string& Value::str() const {
  CHECK(is_string());
  return std::get<std::string>(data_);
}
const Blob& Value::blob() const {
  CHECK(is_blob());
  return std::get<Blob>(data_);
}
base::WallTime Value::time() const {
  CHECK(is_time());
  return std::get<base::WallTime>(data_);
}
const Value::List& Value::list() const {
  CHECK(is_list());
  return std::get<List>(data_);
}
Value::List& Value::list() {
  CHECK(is_list());
  return std::get<List>(data_);
}
const Value::Members& Value::members() const {
  CHECK(is_members());
  return std::get<Members>(data_);
}
Value::Members& Value::members() {
  CHECK(is_members());
  return std::get<Members>(data_);
}

const Value* Value::Find(std::string_view name) const {
  if (!is_members()) return nullptr;
  for (const auto& [key, value] : members()) {
    if (key == name) return value.is_null() ? nullptr : &value;
  }
  return nullptr;
}

Value* Value::Find(std::string_view name) {
  return const_cast<Value*>(
      std::as_const(*this).Find(name));  // NOLINT: the object itself is not const
}

Value& Value::Set(std::string_view name, Value value) {
  if (is_null()) data_ = Members{};
  for (auto& [key, old] : members()) {
    if (key == name) {
      old = std::move(value);
      return *this;
    }
  }
  members().emplace_back(std::string(name), std::move(value));
  return *this;
}

void Value::Erase(std::string_view name) {
  if (!is_members()) return;
  std::erase_if(members(), [&](const auto& member) { return member.first == name; });
}

std::string_view Value::String(std::string_view name, std::string_view fallback) const {
  const Value* found = Find(name);
  return found != nullptr && found->is_string() ? std::string_view(found->str()) : fallback;
}

std::int64_t Value::Int(std::string_view name, std::int64_t fallback) const {
  const Value* found = Find(name);
  return found != nullptr && found->is_int() ? found->integer() : fallback;
}

double Value::Number(std::string_view name, double fallback) const {
  const Value* found = Find(name);
  return found != nullptr && (found->is_int() || found->is_double()) ? found->number() : fallback;
}

bool Value::Flag(std::string_view name, bool fallback) const {
  const Value* found = Find(name);
  return found != nullptr && found->is_bool() ? found->boolean() : fallback;
}

const Value::List& Value::Items(std::string_view name) const {
  static const List kEmpty;
  const Value* found = Find(name);
  return found != nullptr && found->is_list() ? found->list() : kEmpty;
}

const Value& Value::Sub(std::string_view name) const {
  static const Value kAbsent;
  const Value* found = Find(name);
  return found != nullptr ? *found : kAbsent;
}

}  // namespace leeward::shapes
