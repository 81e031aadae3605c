#include "lab/items/attribute.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace leeward::lab::items {
namespace {

constexpr std::array<std::string_view, 10> kNames = {"S",  "N",  "B",  "BOOL", "NULL",
                                                     "SS", "NS", "BS", "L",    "M"};

template <typename Entries>
auto Place(Entries& entries, std::string_view name) {
  return std::lower_bound(
      entries.begin(), entries.end(), name,
      [](const Entry& entry, std::string_view wanted) { return entry.name.compare(wanted) < 0; });
}

template <typename T>
bool SameMembers(std::vector<T> a, std::vector<T> b) {
  if (a.size() != b.size()) return false;
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  return a == b;
}

struct Equal {
  const Attribute& other;
  bool operator()(const StringSet& set) const {
    return SameMembers(set.values, other.ss()->values);
  }
  bool operator()(const NumberSet& set) const {
    return SameMembers(set.values, other.ns()->values);
  }
  bool operator()(const BinarySet& set) const {
    return SameMembers(set.values, other.bs()->values);
  }
  template <typename T>
  bool operator()(const T& value) const {
    return value == std::get<T>(other.value());
  }
};

std::size_t SumOf(const std::vector<std::string>& values) {
  std::size_t sum = 0;
  for (const std::string& value : values) sum += value.size();
  return sum;
}

struct Sizer {
  std::size_t operator()(const std::string& text) const { return text.size(); }
  std::size_t operator()(const Number& number) const { return number.Size(); }
  std::size_t operator()(const Binary& binary) const { return binary.bytes.size(); }
  std::size_t operator()(bool) const { return 1; }
  std::size_t operator()(Null) const { return 1; }
  std::size_t operator()(const StringSet& set) const { return SumOf(set.values); }
  std::size_t operator()(const BinarySet& set) const { return SumOf(set.values); }
  std::size_t operator()(const NumberSet& set) const {
    std::size_t sum = 0;
    for (const Number& number : set.values) sum += number.Size();
    return sum;
  }
  std::size_t operator()(const Attribute::List& list) const {
    std::size_t sum = kContainerOverhead;
    for (const Attribute& value : list) sum += SizeOf(value) + kElementOverhead;
    return sum;
  }
  std::size_t operator()(const Item& map) const {
    return kContainerOverhead + SizeOf(map) + map.size() * kElementOverhead;
  }
};

int Sign(int order) { return (order > 0) - (order < 0); }

bool NestsWithin(const Attribute& value, int levels) {
  if (const Attribute::List* list = value.list()) {
    return levels > 0 && std::all_of(list->begin(), list->end(), [&](const Attribute& inner) {
             return NestsWithin(inner, levels - 1);
           });
  }
  if (const Item* map = value.map()) {
    return levels > 0 && std::all_of(map->begin(), map->end(), [&](const Entry& inner) {
             return NestsWithin(inner.value, levels - 1);
           });
  }
  return true;
}

}  // namespace

std::string_view Name(Type type) { return kNames[static_cast<std::size_t>(type)]; }

Item::Item(std::initializer_list<Entry> entries) : Item(FromEntries(std::vector<Entry>(entries))) {}

Item Item::FromEntries(std::vector<Entry> entries) {
  const auto by_name = [](const Entry& a, const Entry& b) { return a.name < b.name; };
  const auto not_before = [](const Entry& a, const Entry& b) { return a.name >= b.name; };
  Item item;
  item.entries_ = std::move(entries);
  auto& all = item.entries_;
  if (std::adjacent_find(all.begin(), all.end(), not_before) == all.end()) return item;
  std::stable_sort(all.begin(), all.end(), by_name);
  // Of equals the last: seen from behind it is the first.
  const auto same = [](const Entry& a, const Entry& b) { return a.name == b.name; };
  const auto kept = std::unique(all.rbegin(), all.rend(), same);
  all.erase(all.begin(), kept.base());
  return item;
}

const Attribute* Item::Find(std::string_view name) const {
  const auto place = Place(entries_, name);
  return place != entries_.end() && place->name == name ? &place->value : nullptr;
}

Attribute* Item::Find(std::string_view name) {
  const auto place = Place(entries_, name);
  return place != entries_.end() && place->name == name ? &place->value : nullptr;
}

Attribute& Item::Set(std::string_view name, Attribute value) {
  auto place = Place(entries_, name);
  if (place == entries_.end() || place->name != name) {
    return entries_.insert(place, Entry{std::string(name), std::move(value)})->value;
  }
  place->value = std::move(value);
  return place->value;
}

bool Item::Erase(std::string_view name) {
  const auto place = Place(entries_, name);
  if (place == entries_.end() || place->name != name) return false;
  entries_.erase(place);
  return true;
}

void Item::Reserve(std::size_t count) { entries_.reserve(count); }
bool Item::empty() const { return entries_.empty(); }
std::size_t Item::size() const { return entries_.size(); }
std::vector<Entry>::const_iterator Item::begin() const { return entries_.begin(); }
std::vector<Entry>::const_iterator Item::end() const { return entries_.end(); }

bool operator==(const Item& a, const Item& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Entry& x, const Entry& y) {
    return x.name == y.name && x.value == y.value;
  });
}

Attribute Attribute::N(std::string_view text) {
  auto number = Number::Parse(text);
  CHECK_MSG(number.ok(), "not a number");
  return std::move(number).value();
}

bool operator==(const Attribute& a, const Attribute& b) {
  return a.type() == b.type() && std::visit(Equal{b}, a.value());
}

bool Comparable(const Attribute& a, const Attribute& b) {
  return a.type() == b.type() && a.type() <= Type::kB;
}

int Compare(const Attribute& a, const Attribute& b) {
  CHECK(Comparable(a, b));
  // std::string compares as unsigned bytes.
  if (const std::string* text = a.s()) return Sign(text->compare(*b.s()));
  if (const Binary* binary = a.b()) return Sign(binary->bytes.compare(b.b()->bytes));
  const auto order = *a.n() <=> *b.n();
  return (order > 0) - (order < 0);
}

std::size_t SizeOf(const Attribute& value) { return std::visit(Sizer{}, value.value()); }

std::size_t SizeOf(const Item& item) {
  std::size_t sum = 0;
  for (const Entry& entry : item) sum += entry.name.size() + SizeOf(entry.value);
  return sum;
}

Verdict CheckItemSize(const Item& item) {
  if (SizeOf(item) <= kMaxItemSize) return {};
  return ValidationError("Item size has exceeded the maximum allowed size");
}

Verdict CheckUpdatedSize(const Item& item) {
  if (SizeOf(item) <= kMaxItemSize) return {};
  return ValidationError("Item size to update has exceeded the maximum allowed size");
}

ApiError NestedTooDeeply() {
  return ValidationError(
      "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels "
      "beyond supported limit");
}

Verdict CheckNesting(const Item& item) {
  for (const Entry& entry : item) {
    if (!NestsWithin(entry.value, kMaxNesting - 1)) return NestedTooDeeply();
  }
  return {};
}

}  // namespace leeward::lab::items
