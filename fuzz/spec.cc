// The spec: YAML by an operator's hand, to an application or to diagnostics.
#include "spec/spec.h"

#include "base/check.h"
#include "fuzz/input.h"

namespace leeward::fuzz {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto parsed = spec::Parse(View(data, size), "fuzz.yaml");
  if (const auto* wrong = std::get_if<spec::Diagnostics>(&parsed)) {
    CHECK(!wrong->empty());
    for (const spec::Diagnostic& each : *wrong) CHECK(!spec::ToText(each).empty());
  }
  return 0;
}

}  // namespace leeward::fuzz
