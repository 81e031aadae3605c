#include "spec/field.h"

#include <algorithm>
#include <charconv>

namespace leeward::spec {
namespace {

constexpr std::size_t kMaxDiagnostics = 100;
constexpr std::size_t kMaxText = 10'000;
constexpr std::size_t kShownText = 60;

const char* TypeOf(const YAML::Node& node) {
  switch (node.Type()) {
    case YAML::NodeType::Undefined:
    case YAML::NodeType::Null:
      return "empty";
    case YAML::NodeType::Scalar:
      return "a single value";
    case YAML::NodeType::Sequence:
      return "a list";
    case YAML::NodeType::Map:
      return "a mapping";
  }
  return "something else";
}

// What stands before the '@' of a URL may be a password, and complaints are kept in logs.
std::string WithoutUser(const std::string& text) {
  const std::size_t scheme = text.find("://"), user = text.rfind('@');
  if (scheme == std::string::npos || user == std::string::npos || user < scheme) return text;
  return text.substr(0, scheme + 3) + "..." + text.substr(user);
}

// As much of the user's text as a one-line message bears.
std::string Shown(const std::string& whole) {
  const std::string text = WithoutUser(whole);
  std::string shown = text.substr(0, kShownText);
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
  // Not in the middle of a character.
  if (shown.size() < text.size()) {
    while (!shown.empty() && (static_cast<unsigned char>(shown.back()) & 0x80) != 0)
      shown.pop_back();
    shown += "...";
  }
  return "'" + shown + "'";
}

}  // namespace

void Context::Complain(const YAML::Node& at, std::string what, std::string fix) {
  ComplainAt(at.Mark(), std::move(what), std::move(fix));
}

void Context::ComplainAt(const YAML::Mark& mark, std::string what, std::string fix) {
  if (found_.size() >= kMaxDiagnostics) {
    full_ = true;
    return;
  }
  Diagnostic diagnostic;
  diagnostic.file = file_;
  if (!mark.is_null()) {
    diagnostic.line = mark.line + 1;
    diagnostic.column = mark.column + 1;
  }
  diagnostic.what = std::move(what);
  diagnostic.fix = std::move(fix);
  found_.push_back(std::move(diagnostic));
}

Diagnostics Context::Take() {
  std::stable_sort(found_.begin(), found_.end(), [](const Diagnostic& a, const Diagnostic& b) {
    return std::pair(a.line, a.column) < std::pair(b.line, b.column);
  });
  if (full_) {
    found_.push_back(
        {file_, 0, 0,
         "there are more mistakes than the " + std::to_string(kMaxDiagnostics) + " shown",
         "mend these first"});
  }
  return std::move(found_);
}

bool Context::Scalar(const YAML::Node& node, const std::string& name, const char* expected,
                     std::string* value) {
  if (!node.IsScalar()) {
    Complain(node, name + " is " + TypeOf(node), std::string("write ") + expected);
    return false;
  }
  if (node.Scalar().size() > kMaxText) {
    Complain(node, name + " is longer than " + std::to_string(kMaxText) + " bytes", "shorten it");
    return false;
  }
  *value = node.Scalar();
  return true;
}

bool Context::Text(const YAML::Node& node, const std::string& name, const TextRule& rule,
                   std::string* value) {
  std::string text;
  if (!Scalar(node, name, rule.what, &text)) return false;
  if (!rule.allows(text)) {
    Complain(node, name + " is " + (text.empty() ? "empty" : Shown(text)),
             std::string("write ") + rule.what);
    return false;
  }
  *value = std::move(text);
  return true;
}

bool Context::Integer(const YAML::Node& node, const std::string& name, const Shape& range,
                      int* value) {
  const std::string allowed =
      "a whole number from " + std::to_string(range.low) + " to " + std::to_string(range.high);
  std::string text;
  if (!Scalar(node, name, allowed.c_str(), &text)) return false;
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < range.low ||
      number > range.high) {
    Complain(node, name + " is " + Shown(text), "write " + allowed);
    return false;
  }
  *value = number;
  return true;
}

bool Context::Time(const YAML::Node& node, const std::string& name, const Shape& range,
                   base::Duration* value) {
  std::string text;
  if (!Scalar(node, name, "a duration such as 5s", &text)) return false;
  const bool bare = !text.empty() && text.find_first_not_of("0123456789.") == std::string::npos;
  if (bare) {
    Complain(node, name + " is " + Shown(text) + " without a unit",
             "write " + text + "s or " + text + "ms, say");
    return false;
  }
  const base::Result<base::Duration> duration = base::ParseDuration(text);
  if (!duration.ok()) {
    Complain(node, name + " is " + Shown(text) + ", which is not a duration",
             "write a number and a unit, such as 500ms, 5s, 15m, 2h or 1d");
    return false;
  }
  if (duration->count() < range.low || duration->count() > range.high) {
    Complain(node, name + " is " + Shown(text) + ", which is out of range",
             "write " + base::FormatDuration(base::Duration(range.low)) + " to " +
                 base::FormatDuration(base::Duration(range.high)));
    return false;
  }
  *value = *duration;
  return true;
}

bool Context::Word(const YAML::Node& node, const std::string& name,
                   const std::vector<std::string>& words, std::string* value) {
  constexpr std::size_t kFew = 8;
  std::string text;
  if (!Scalar(node, name, "one word", &text)) return false;
  if (std::find(words.begin(), words.end(), text) != words.end()) {
    *value = std::move(text);
    return true;
  }
  const std::string nearest = Nearest(text, words);
  Complain(node, name + " is " + Shown(text) + ", which is not known",
           nearest.empty() && words.size() <= kFew ? "write " + Choice(words)
           : nearest.empty() ? "write one of the known ones, such as " + words.front()
                             : "did you mean " + nearest + "?");
  return false;
}

bool Context::Mapping(const YAML::Node& node, const std::string& name) {
  if (!node.IsMap()) {
    Complain(node, name + " is " + TypeOf(node), "write a mapping: keys with values");
    return false;
  }
  std::set<std::string> seen;
  for (const auto& entry : node) {
    if (!entry.first.IsScalar()) {
      Complain(entry.first,
               "a key in " + (name.empty() ? "the spec" : name) + " is " + TypeOf(entry.first),
               "write a plain word as key");
    } else if (!seen.insert(entry.first.Scalar()).second) {
      Complain(entry.first,
               "key " + Shown(entry.first.Scalar()) + " is in " +
                   (name.empty() ? "the spec" : name) + " twice",
               "keep one of them");
    }
  }
  return true;
}

bool Context::List(const YAML::Node& node, const std::string& name, std::int64_t most) {
  if (!node.IsSequence()) {
    Complain(node, name + " is " + TypeOf(node), "write a list, such as [a, b]");
    return false;
  }
  if (node.size() > static_cast<std::size_t>(most)) {
    Complain(node, name + " has more than " + std::to_string(most) + " entries", "take some away");
    return false;
  }
  return true;
}

std::string NameOf(const std::string& key, const std::string& where) {
  return "'" + key + "'" + (where.empty() ? "" : " in " + where);
}

void CheckKeys(Context& context, const YAML::Node& node, const std::string& where,
               const std::vector<FieldInfo>& fields) {
  std::vector<std::string> keys;
  keys.reserve(fields.size());
  for (const FieldInfo& field : fields) keys.push_back(field.key);
  for (const auto& entry : node) {
    if (!entry.first.IsScalar()) continue;
    const std::string& key = entry.first.Scalar();
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
    const std::string nearest = Nearest(key, keys);
    context.Complain(entry.first,
                     "unknown key " + Shown(key) + (where.empty() ? "" : " in " + where),
                     nearest.empty() ? "remove it, or write " + Choice(keys)
                                     : "did you mean '" + nearest + "'?");
  }
  for (const FieldInfo& field : fields) {
    if (field.need != Need::kRequired || node[field.key].IsDefined()) continue;
    context.Complain(node, NameOf(field.key, where) + " is missing", "add it: " + field.help);
  }
}

}  // namespace leeward::spec
