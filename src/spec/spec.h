// Spec: one application's YAML file to model::Application, or everything that is wrong with it at
// once.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/application.h"

namespace leeward::spec {

// One mistake in a spec, at its place.
struct Diagnostic {
  std::string file;
  int line = 0;      // from 1; 0: the file as a whole
  int column = 0;    // from 1; 0: the line as a whole
  std::string what;  // "unknown key 'instnace' in component orders"
  std::string fix;   // "write 'instance'"
};
using Diagnostics = std::vector<Diagnostic>;

// "shop.yaml:7:13: what; fix"
std::string ToText(const Diagnostic& diagnostic);

inline constexpr std::size_t kMaxBytes = 1 << 20;

// Checks the text of a spec and fills in defaults. `path` is only named in diagnostics. The
// diagnostics are in file order and never empty.
std::variant<model::Application, Diagnostics> Parse(std::string_view text, const std::string& path);

// JSON Schema (2020-12) of a spec, made from the tables that Parse reads. Ends with a newline.
std::string JsonSchema();

}  // namespace leeward::spec
