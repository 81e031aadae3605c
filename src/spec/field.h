// Field: one key of a mapping: how it is read into a struct, and its shape. Tables of fields are
// the parser.
#pragma once

#include <yaml-cpp/yaml.h>

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/time.h"
#include "model/ids.h"
#include "model/names.h"
#include "spec/shape.h"
#include "spec/spec.h"

namespace leeward::spec {

// Collects what is wrong, and reads single values. Every read leaves its target alone when it
// complains.
class Context {
 public:
  explicit Context(std::string file) : file_(std::move(file)) {}

  void Complain(const YAML::Node& at, std::string what, std::string fix);
  void ComplainAt(const YAML::Mark& mark, std::string what, std::string fix);
  Diagnostics Take();  // in file order
  bool clean() const { return found_.empty(); }

  // `name` is how messages call the value: "key 'instance' of component orders".
  bool Text(const YAML::Node& node, const std::string& name, const TextRule& rule,
            std::string* value);
  bool Integer(const YAML::Node& node, const std::string& name, const Shape& range, int* value);
  bool Time(const YAML::Node& node, const std::string& name, const Shape& range,
            base::Duration* value);
  bool Word(const YAML::Node& node, const std::string& name, const std::vector<std::string>& words,
            std::string* value);
  bool Scalar(const YAML::Node& node, const std::string& name, const char* expected,
              std::string* value);
  // Whether it is a mapping; its keys are text and none is there twice. Complains otherwise.
  bool Mapping(const YAML::Node& node, const std::string& name);
  // Whether it is a list of at most `most`.
  bool List(const YAML::Node& node, const std::string& name, std::int64_t most);

 private:
  std::string file_;
  Diagnostics found_;
  bool full_ = false;
};

template <typename T>
struct Field {
  FieldInfo info;
  std::function<void(Context&, const YAML::Node&, const std::string& name, T&)> read;
};

template <typename T>
std::vector<FieldInfo> InfoOf(const std::vector<Field<T>>& fields) {
  std::vector<FieldInfo> info;
  info.reserve(fields.size());
  for (const Field<T>& field : fields) info.push_back(field.info);
  return info;
}

// Complains about unknown and missing keys.
void CheckKeys(Context& context, const YAML::Node& node, const std::string& where,
               const std::vector<FieldInfo>& fields);
std::string NameOf(const std::string& key, const std::string& where);

template <typename T>
void ReadFields(Context& context, const YAML::Node& node, const std::string& where,
                const std::vector<Field<T>>& fields, T& value) {
  if (!context.Mapping(node, where)) return;
  CheckKeys(context, node, where, InfoOf(fields));
  for (const Field<T>& field : fields) {
    const YAML::Node child = node[field.info.key];
    if (child.IsDefined()) field.read(context, child, NameOf(field.info.key, where), value);
  }
}

// --- Makers, one for each type of member
// ------------------------------------------------------------------

template <typename T>
Field<T> TextField(const char* key, std::string T::*member, const TextRule& rule, Need need,
                   const char* help) {
  return {{key, need, TextShape(rule), help},
          [member, &rule](Context& context, const YAML::Node& node, const std::string& name,
                          T& value) { context.Text(node, name, rule, &(value.*member)); }};
}

template <typename T>
Field<T> IntegerField(const char* key, int T::*member, std::pair<int, int> range, Need need,
                      const char* help) {
  const Shape shape = IntegerShape(range.first, range.second);
  return {{key, need, shape, help},
          [member, shape](Context& context, const YAML::Node& node, const std::string& name,
                          T& value) { context.Integer(node, name, shape, &(value.*member)); }};
}

template <typename T>
Field<T> TimeField(const char* key, base::Duration T::*member,
                   std::pair<base::Duration, base::Duration> range, Need need, const char* help) {
  const Shape shape = DurationShape(range.first.count(), range.second.count());
  return {{key, need, shape, help},
          [member, shape](Context& context, const YAML::Node& node, const std::string& name,
                          T& value) { context.Time(node, name, shape, &(value.*member)); }};
}

// `served` are the values that this version carries out.
template <typename T, typename Enum>
Field<T> WordField(const char* key, Enum T::*member, const std::vector<Enum>& served, Need need,
                   const char* help) {
  std::vector<std::string> words;
  words.reserve(served.size());
  for (Enum one : served) words.emplace_back(model::Name(one));
  return {
      {key, need, WordShape(words), help},
      [member, words](Context& context, const YAML::Node& node, const std::string& name, T& value) {
        std::string word;
        if (context.Word(node, name, words, &word)) model::FromName(word, &(value.*member));
      }};
}

template <typename T>
Field<T> RegionField(const char* key, model::Region T::*member, Need need, const char* help) {
  return {{key, need, WordShape(KnownRegions()), help},
          [member](Context& context, const YAML::Node& node, const std::string& name, T& value) {
            std::string word;
            if (context.Word(node, name, KnownRegions(), &word))
              value.*member = model::Region(word);
          }};
}

template <typename T, typename Part>
Field<T> ObjectField(const char* key, Part T::*member, std::vector<Field<Part>> fields, Need need,
                     const char* help) {
  return {
      {key, need, ObjectShape(InfoOf(fields)), help},
      [key, member, fields](Context& context, const YAML::Node& node, const std::string&,
                            T& value) { ReadFields(context, node, key, fields, value.*member); }};
}
template <typename T, typename Part>
Field<T> ObjectField(const char* key, std::optional<Part> T::*member,
                     std::vector<Field<Part>> fields, Need need, const char* help) {
  return {{key, need, ObjectShape(InfoOf(fields)), help},
          [key, member, fields](Context& context, const YAML::Node& node, const std::string&,
                                T& value) {
            ReadFields(context, node, key, fields, (value.*member).emplace());
          }};
}

}  // namespace leeward::spec
