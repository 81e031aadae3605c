// A plan as JSON: from a file that somebody may have edited, and from the journal.
#include "plan/plan.h"

#include "base/check.h"
#include "fuzz/input.h"

namespace leeward::fuzz {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto plan = plan::FromJson(View(data, size));
  if (!plan.ok()) return 0;
  const std::string text = plan::ToJson(*plan);
  const auto again = plan::FromJson(text);
  CHECK(again.ok() && plan::ToJson(*again) == text);
  CHECK(!plan::ToText(*plan).empty());
  CHECK(!plan::ToDot(*plan).empty());
  return 0;
}

}  // namespace leeward::fuzz
