// Strong ids: strings that cannot be swapped for one another.
//
//   using Region = base::Id<struct RegionTag>;
#pragma once

#include <compare>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

namespace leeward::base {

template <typename Tag>
class Id {
 public:
  Id() = default;
  explicit Id(std::string text) : text_(std::move(text)) {}

  const std::string& str() const { return text_; }
  bool empty() const { return text_.empty(); }
  friend auto operator<=>(const Id&, const Id&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Id& id) { return out << id.text_; }

 private:
  std::string text_;
};

}  // namespace leeward::base

template <typename Tag>
struct std::hash<leeward::base::Id<Tag>> {
  std::size_t operator()(const leeward::base::Id<Tag>& id) const noexcept {
    return std::hash<std::string>{}(id.str());
  }
};
