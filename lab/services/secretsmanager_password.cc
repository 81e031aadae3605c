#include "lab/services/secretsmanager_password.h"

#include <array>
#include <string_view>
#include <utility>
#include <vector>

namespace leeward::lab::secretsmanager {
namespace {

using shapes::Value;

constexpr std::int64_t kUsualLength = 32;

struct CharacterType {
  std::string_view excluded_by;
  std::string_view characters;
};
constexpr std::array<CharacterType, 4> kTypes = {{
    {"ExcludeLowercase", "abcdefghijklmnopqrstuvwxyz"},
    {"ExcludeUppercase", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
    {"ExcludeNumbers", "0123456789"},
    {"ExcludePunctuation", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"},
}};

// The characters of each type that is left.
std::vector<std::string> TypesLeft(const Value& input) {
  const std::string_view without = input.String("ExcludeCharacters");
  std::vector<std::string> types;
  const auto add = [&](std::string_view characters) {
    std::string left;
    for (const char c : characters) {
      if (without.find(c) == std::string_view::npos) left += c;
    }
    if (!left.empty()) types.push_back(std::move(left));
  };
  for (const CharacterType& type : kTypes) {
    if (!input.Flag(type.excluded_by, false)) add(type.characters);
  }
  if (input.Flag("IncludeSpace", false)) add(" ");
  return types;
}

}  // namespace

std::optional<std::string> MakePassword(const Value& input, ports::Random& random) {
  const std::vector<std::string> types = TypesLeft(input);
  const auto length = static_cast<std::size_t>(input.Int("PasswordLength", kUsualLength));
  const bool each = input.Flag("RequireEachIncludedType", true);
  if (types.empty() || (each && length < types.size())) return std::nullopt;
  const auto one_of = [&](const std::string& set) { return set[random.Below(set.size())]; };
  std::string all;
  for (const std::string& type : types) all += type;
  std::string password;
  if (each) {
    for (const std::string& type : types) password += one_of(type);
  }
  while (password.size() < length) password += one_of(all);
  for (std::size_t left = password.size(); left > 1; --left) {
    std::swap(password[left - 1], password[random.Below(left)]);
  }
  return password;
}

}  // namespace leeward::lab::secretsmanager
