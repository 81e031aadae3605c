// Attribute and Item: DynamoDB's values in memory, how they compare and how large they are.
//
// An Item holds its attributes sorted by name (bytewise) in one block: built once, read often, and
// the same attributes always stand in the same order. Maps (M) are Items too.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "lab/items/number.h"
#include "lab/items/outcome.h"

namespace leeward::lab::items {

// Limits of DynamoDB.
inline constexpr std::size_t kMaxItemSize = std::size_t{400} << 10;  // bytes, SizeOf
inline constexpr int kMaxNesting = 32;                 // levels: each L or M, and the scalar inside
inline constexpr std::size_t kMaxHashKeySize = 2048;   // bytes
inline constexpr std::size_t kContainerOverhead = 3;   // bytes that an L or M counts
inline constexpr std::size_t kElementOverhead = 1;     // and each element of it
inline constexpr std::size_t kMaxRangeKeySize = 1024;  // bytes

enum class Type : unsigned char { kS, kN, kB, kBool, kNull, kSS, kNS, kBS, kL, kM };
// "S", "N", "B", "BOOL", "NULL", "SS", "NS", "BS", "L", "M".
std::string_view Name(Type type);
inline bool IsSet(Type type) { return type >= Type::kSS && type <= Type::kBS; }

class Attribute;
struct Entry;

class Item {
 public:
  Item();
  Item(std::initializer_list<Entry> entries);
  Item(const Item&);
  Item(Item&&) noexcept;
  Item& operator=(const Item&);
  Item& operator=(Item&&) noexcept;
  ~Item();
  // Takes entries in any order; of those with one name the last stays.
  static Item FromEntries(std::vector<Entry> entries);

  const Attribute* Find(std::string_view name) const;  // nullptr when it is not there
  Attribute* Find(std::string_view name);
  bool Has(std::string_view name) const { return Find(name) != nullptr; }
  // Adds or replaces; the attribute's place.
  Attribute& Set(std::string_view name, Attribute value);
  bool Erase(std::string_view name);  // whether it was there
  void Reserve(std::size_t count);

  bool empty() const;
  std::size_t size() const;
  const std::vector<Entry>& entries() const { return entries_; }
  std::vector<Entry>::const_iterator begin() const;
  std::vector<Entry>::const_iterator end() const;

  friend bool operator==(const Item& a, const Item& b);

 private:
  friend class Attribute;
  std::vector<Entry> entries_;  // sorted by name, each name once
};

struct Binary {
  std::string bytes;
  friend bool operator==(const Binary&, const Binary&) = default;
};
struct Null {
  friend bool operator==(const Null&, const Null&) = default;
};
// Sets: never empty, no value twice; equal in any order. Kept in the order in which they came.
struct StringSet {
  std::vector<std::string> values;
};
struct NumberSet {
  std::vector<Number> values;
};
struct BinarySet {
  std::vector<std::string> values;
};

class Attribute {
 public:
  using List = std::vector<Attribute>;
  using Value = std::variant<std::string, Number, Binary, bool, Null, StringSet, NumberSet,
                             BinarySet, List, Item>;

  Attribute() : value_(Null{}) {}
  // One of the alternatives above, by its own type.
  template <typename T>
  // NOLINTNEXTLINE(bugprone-forwarding-reference-overload): not for an Attribute, by its condition
  requires(!std::is_same_v<std::remove_cvref_t<T>, Attribute>) Attribute(T&& value)
      : value_(std::in_place_type<std::remove_cvref_t<T>>, std::forward<T>(value)) {}
  Attribute(const char* text) : value_(std::in_place_type<std::string>, text) {}
  static Attribute S(std::string_view text) { return std::string(text); }
  static Attribute B(std::string_view bytes) { return Binary{std::string(bytes)}; }
  // CHECKs that the text is a number: for texts of our own.
  static Attribute N(std::string_view text);

  Type type() const { return static_cast<Type>(value_.index()); }
  const Value& value() const { return value_; }

  // The alternative when the attribute is of that type, else nullptr.
  const std::string* s() const { return std::get_if<std::string>(&value_); }
  const Number* n() const { return std::get_if<Number>(&value_); }
  const Binary* b() const { return std::get_if<Binary>(&value_); }
  const bool* boolean() const { return std::get_if<bool>(&value_); }
  const StringSet* ss() const { return std::get_if<StringSet>(&value_); }
  const NumberSet* ns() const { return std::get_if<NumberSet>(&value_); }
  const BinarySet* bs() const { return std::get_if<BinarySet>(&value_); }
  const List* list() const { return std::get_if<List>(&value_); }
  const Item* map() const { return std::get_if<Item>(&value_); }
  List* list() { return std::get_if<List>(&value_); }
  Item* map() { return std::get_if<Item>(&value_); }

  // Deep; sets and maps in any order; types must be the same.
  friend bool operator==(const Attribute& a, const Attribute& b);

 private:
  Value value_;
};

struct Entry {
  std::string name;
  Attribute value;
};

// Here, where an Entry is known.
inline Item::Item() = default;
inline Item::Item(const Item&) = default;
inline Item::Item(Item&&) noexcept = default;
inline Item& Item::operator=(const Item&) = default;
inline Item& Item::operator=(Item&&) noexcept = default;
inline Item::~Item() = default;

// Whether both are of one of the types S, N and B, the same; only then do they have an order.
bool Comparable(const Attribute& a, const Attribute& b);
// -1, 0, 1: strings and binaries bytewise, numbers by value. CHECKs that they are Comparable.
int Compare(const Attribute& a, const Attribute& b);

// Bytes by DynamoDB's published rules: names and values; S its UTF-8 bytes; N Number::Size; B its
// bytes; BOOL and NULL 1; sets the sum of their values; L and M 3, plus each element and 1 for it.
// https://docs.aws.amazon.com/amazondynamodb/latest/ developerguide/CapacityUnitCalculations.html
std::size_t SizeOf(const Attribute& value);
std::size_t SizeOf(const Item& item);

// ValidationException "Item size has exceeded the maximum allowed size" above kMaxItemSize.
Verdict CheckItemSize(const Item& item);
// The same for what an update makes: "Item size to update has exceeded the maximum allowed size".
Verdict CheckUpdatedSize(const Item& item);
// ValidationException "Nesting Levels have exceeded supported limits: Attributes in the item have
// nested levels beyond supported limit".
Verdict CheckNesting(const Item& item);
ApiError NestedTooDeeply();

}  // namespace leeward::lab::items
