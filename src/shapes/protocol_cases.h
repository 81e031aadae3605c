// The operations of Amazon's published protocol cases as tables, for tests of the codecs.
//
// Each case is a Model of one operation, named "input/query/3/0": direction, file, suite in the
// file, case in the suite. The cases are not part of this repository: the span is empty in a build
// that did not find them (environment variable LEEWARD_VECTORS, else ../shared/vectors beside the
// source).
#pragma once

#include <span>
#include <string_view>

#include "shapes/model.h"

namespace leeward::shapes {

std::span<const Model* const> ProtocolCaseModels();
// The case, or nullptr.
const Model* FindProtocolCase(std::string_view name);
// The folder with `protocols/` and `sigv4/` that this build found; empty when it found none.
std::string_view VectorsFolder();

}  // namespace leeward::shapes
