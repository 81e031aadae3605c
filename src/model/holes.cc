#include "model/holes.h"

#include <algorithm>

namespace leeward::model {

base::Result<std::string> FillHoles(
    std::string_view text,
    const std::function<base::Result<std::string>(const std::string& name)>& value) {
  std::string filled;
  while (!text.empty()) {
    const std::size_t brace = std::min(text.find_first_of("{}"), text.size());
    filled += text.substr(0, brace);
    text.remove_prefix(brace);
    if (text.empty()) break;
    const std::size_t end = text.find_first_of("{}", 1);
    if (text.front() == '}' || end == std::string_view::npos || text[end] == '{')
      return base::Invalid("a brace has no other one");
    if (end == 1) return base::Invalid("{} names no column");
    ASSIGN_OR_RETURN(const std::string one, value(std::string(text.substr(1, end - 1))));
    filled += one;
    text.remove_prefix(end + 1);
  }
  return filled;
}

base::Result<std::vector<std::string>> HolesOf(std::string_view text) {
  std::vector<std::string> names;
  const auto note = [&names](const std::string& name) -> base::Result<std::string> {
    names.push_back(name);
    return std::string();
  };
  ASSIGN_OR_RETURN(const std::string filled, FillHoles(text, note));
  return names;
}

}  // namespace leeward::model
