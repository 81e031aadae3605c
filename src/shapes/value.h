// Value: one AWS request or answer, or a part of one, as a plain tree.
//
// Wire formats (query, JSON, XML, CBOR) are turned into Values and back by two separate sets of
// codecs, the client's in `aws` and the lab's in `lab/wire`; both are guided by the Model tables of
// model.h. Member names are the ones of Amazon's service models ("DBInstanceIdentifier"), never
// wire names.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/time.h"

namespace leeward::shapes {

// Raw bytes, kept apart from text because they travel differently (base64 in JSON and XML).
struct Blob {
  std::string bytes;
  friend bool operator==(const Blob&, const Blob&) = default;
};

class Value {
 public:
  using List = std::vector<Value>;
  // Structure members or map entries, in insertion order.
  using Members = std::vector<std::pair<std::string, Value>>;

  Value() = default;                                    // absent
  Value(bool b) : data_(b) {}                           // NOLINT: implicit by design
  Value(int i) : data_(std::int64_t{i}) {}              // NOLINT
  Value(std::int64_t i) : data_(i) {}                   // NOLINT
  Value(double d) : data_(d) {}                         // NOLINT
  Value(const char* s) : data_(std::string(s)) {}       // NOLINT
  Value(std::string_view s) : data_(std::string(s)) {}  // NOLINT
  Value(std::string s) : data_(std::move(s)) {}         // NOLINT
  Value(Blob b) : data_(std::move(b)) {}                // NOLINT
  Value(base::WallTime t) : data_(t) {}                 // NOLINT
  Value(List list) : data_(std::move(list)) {}          // NOLINT
  static Value Struct(std::initializer_list<std::pair<std::string, Value>> members = {});
  static Value EmptyList() { return Value(List{}); }

  bool is_null() const { return std::holds_alternative<std::monostate>(data_); }
  bool is_bool() const { return std::holds_alternative<bool>(data_); }
  bool is_int() const { return std::holds_alternative<std::int64_t>(data_); }
  bool is_double() const { return std::holds_alternative<double>(data_); }
  bool is_string() const { return std::holds_alternative<std::string>(data_); }
  bool is_blob() const { return std::holds_alternative<Blob>(data_); }
  bool is_time() const { return std::holds_alternative<base::WallTime>(data_); }
  bool is_list() const { return std::holds_alternative<List>(data_); }
  bool is_members() const { return std::holds_alternative<Members>(data_); }

  // Exact access; CHECKs the kind.
  bool boolean() const;
  std::int64_t integer() const;
  double number() const;  // an integer too
  const std::string& str() const;
  const Blob& blob() const;
  base::WallTime time() const;
  const List& list() const;
  List& list();
  const Members& members() const;
  Members& members();

  // The member, or nullptr when it is absent, null, or this is not a structure.
  const Value* Find(std::string_view name) const;
  Value* Find(std::string_view name);
  bool Has(std::string_view name) const { return Find(name) != nullptr; }
  // Sets or replaces a member; an absent Value becomes a structure. Returns *this for chaining.
  Value& Set(std::string_view name, Value value);
  void Erase(std::string_view name);

  // Lenient reads for answers and checked inputs: the member, or the fallback when it is not there.
  std::string_view String(std::string_view name, std::string_view fallback = "") const;
  std::int64_t Int(std::string_view name, std::int64_t fallback = 0) const;
  double Number(std::string_view name, double fallback = 0) const;
  // A tri-state read would be `Find`; this one is for members whose default AWS documents.
  bool Flag(std::string_view name, bool fallback) const;
  // The member's list; an empty one when it is not there.
  const List& Items(std::string_view name) const;
  // The member's structure; an absent Value when it is not there. Chains: v.Sub("A").Sub("B").
  const Value& Sub(std::string_view name) const;

  friend bool operator==(const Value&, const Value&) = default;

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Blob, base::WallTime, List,
               Members>
      data_;
};

// Compact JSON for logs, tests and lab state files: blobs as {"$blob": base64}, times as {"$time":
// iso}.
std::string ToJson(const Value& value);
// Reads what ToJson writes. kInvalid with the offset otherwise. Nesting is bounded at 64.
base::Result<Value> FromJson(std::string_view json);

}  // namespace leeward::shapes
