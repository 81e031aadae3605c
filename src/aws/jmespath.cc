#include "aws/jmespath.h"

#include <fmt/format.h>

#include <cctype>
#include <charconv>

namespace leeward::aws {
namespace {

using shapes::Value;

constexpr int kMaxDepth = 32;

bool Truth(const Value& value) {
  if (value.is_bool()) return value.boolean();
  if (value.is_string()) return !value.str().empty();
  if (value.is_list()) return !value.list().empty();
  if (value.is_members()) return !value.members().empty();
  return !value.is_null();
}

// Evaluates while it reads. A part that is projected over a list is read once for each item.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  base::Result<Value> Run(const Value& root) {
    Value value = Pipe(root);
    Skip();
    if (failed_ || at_ != text_.size()) {
      return base::Invalid(fmt::format("path '{}' is not understood at offset {}", text_, at_));
    }
    return value;
  }

 private:
  void Skip() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  bool Take(std::string_view token) {
    Skip();
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }
  Value Fail() {
    failed_ = true;
    return {};
  }

  Value Pipe(const Value& root) {
    Value value = Or(root);
    while (!failed_ && !text_.substr(at_).starts_with("||") && Take("|")) value = Or(value);
    return value;
  }
  Value Or(const Value& root) {
    Value value = And(root);
    while (Take("||")) {
      Value other = And(root);
      if (!Truth(value)) value = std::move(other);
    }
    return value;
  }
  Value And(const Value& root) {
    Value value = Comparison(root);
    while (Take("&&")) {
      Value other = Comparison(root);
      if (Truth(value)) value = std::move(other);
    }
    return value;
  }
  Value Comparison(const Value& root) {
    Value left = Unary(root);
    for (const std::string_view sign : {"==", "!=", "<=", ">=", "<", ">"}) {
      if (Take(sign)) return Compare(sign, left, Unary(root));
    }
    return left;
  }
  static Value Compare(std::string_view sign, const Value& left, const Value& right) {
    if (sign == "==") return left == right;
    if (sign == "!=") return !(left == right);
    const bool numbers =
        (left.is_int() || left.is_double()) && (right.is_int() || right.is_double());
    if (!numbers) return {};
    const double a = left.number();
    const double b = right.number();
    if (sign == "<") return a < b;
    if (sign == "<=") return a <= b;
    return sign == ">" ? a > b : a >= b;
  }
  Value Unary(const Value& root) {
    if (++depth_ > kMaxDepth) return Fail();
    Value value = Take("!") ? Value(!Truth(Unary(root))) : Postfix(Primary(root));
    --depth_;
    return value;
  }

  Value Primary(const Value& root) {
    if (Take("(")) {
      Value value = Pipe(root);
      return Take(")") ? value : Fail();
    }
    if (Take("@")) return root;
    if (Take("`")) return Literal('`');
    if (Take("'")) return Literal('\'');
    if (text_.substr(at_).starts_with("[")) return root;
    const std::string_view name = Name();
    if (name == "length" && Take("(")) return Length(root);
    const Value* found = root.Find(name);
    return found == nullptr ? Value() : *found;
  }
  std::string_view Name() {
    Skip();
    const std::size_t start = at_;
    while (at_ < text_.size() &&
           (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 || text_[at_] == '_')) {
      ++at_;
    }
    if (at_ == start) failed_ = true;
    return text_.substr(start, at_ - start);
  }
  Value Literal(char quote) {
    const std::size_t end = text_.find(quote, at_);
    if (end == std::string_view::npos) return Fail();
    const std::string_view inner = text_.substr(at_, end - at_);
    at_ = end + 1;
    if (quote == '\'') return inner;
    base::Result<Value> value = shapes::FromJson(inner);
    return value.ok() ? std::move(value).value() : Fail();
  }
  Value Length(const Value& root) {
    const Value value = Pipe(root);
    if (!Take(")")) return Fail();
    if (value.is_list()) return static_cast<std::int64_t>(value.list().size());
    if (value.is_string()) return static_cast<std::int64_t>(value.str().size());
    if (value.is_members()) return static_cast<std::int64_t>(value.members().size());
    // Answers leave empty lists out; to a waiter that is a length of nothing.
    return std::int64_t{0};
  }

  enum class Within { kNothing, kProjection };

  Value Postfix(Value value, Within within = Within::kNothing) {
    while (!failed_) {
      // A flattening ends the projection before it and works on all of its result.
      if (within == Within::kProjection && text_.substr(at_).starts_with("[]")) return value;
      if (Take(".")) {
        const Value* found = value.Find(Name());
        value = found == nullptr ? Value() : Value(*found);
      } else if (Take("[?")) {
        value = Project(Filter(value));
      } else if (Take("[]")) {
        value = Project(Flatten(value));
      } else if (Take("[*]")) {
        value = Project(value);
      } else if (Take("[")) {
        value = Index(value);
      } else {
        return value;
      }
    }
    return value;
  }
  Value Index(const Value& value) {
    std::int64_t index = 0;
    const char* begin = text_.data() + at_;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), index);
    at_ += static_cast<std::size_t>(end - begin);
    if (error != std::errc() || !Take("]")) return Fail();
    if (!value.is_list()) return {};
    const auto size = static_cast<std::int64_t>(value.list().size());
    if (index < 0) index += size;
    return index >= 0 && index < size ? value.list()[static_cast<std::size_t>(index)] : Value();
  }
  static Value Flatten(const Value& value) {
    if (!value.is_list()) return {};
    Value::List out;
    for (const Value& item : value.list()) {
      if (item.is_list()) {
        out.insert(out.end(), item.list().begin(), item.list().end());
      } else {
        out.push_back(item);
      }
    }
    return out;
  }
  Value Filter(const Value& value) {
    const std::size_t start = at_;
    Value::List out;
    Value nothing;
    Or(nothing);  // finds the end when there is no item to try
    const std::size_t end = at_;
    if (value.is_list()) {
      for (const Value& item : value.list()) {
        at_ = start;
        if (Truth(Or(item))) out.push_back(item);
      }
    }
    at_ = end;
    if (!Take("]")) return Fail();
    return value.is_list() ? Value(std::move(out)) : Value();
  }
  // What follows is read against each item; nothing found for an item drops it.
  Value Project(const Value& value) {
    const std::size_t start = at_;
    Postfix({}, Within::kProjection);
    const std::size_t end = at_;
    if (!value.is_list()) return {};
    Value::List out;
    for (const Value& item : value.list()) {
      at_ = start;
      Value found = Postfix(item, Within::kProjection);
      if (!found.is_null()) out.push_back(std::move(found));
    }
    at_ = end;
    return out;
  }

  const std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
  bool failed_ = false;
};

}  // namespace

base::Result<Value> SearchPath(std::string_view expression, const Value& root) {
  return Reader(expression).Run(root);
}

}  // namespace leeward::aws
