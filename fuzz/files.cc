// Files of a project: "stage" (YAML, what makes the home Region), "inventory" or "value" (what the
// lab keeps and its processes tell each other) in the first line, then the text.
#include "base/check.h"
#include "cli/inventory_file.h"
#include "cli/stage.h"
#include "fuzz/input.h"
#include "shapes/value.h"

namespace leeward::fuzz {
namespace {

void ReadStage(std::string_view text) {
  const auto stage = cli::ParseStage(text, "stage.yaml");
  if (!stage.ok()) return;
  const cli::StageHands hands{
      [](const cli::StageCall& call, const std::string&, const shapes::Value& input) {
        return base::Result<shapes::Value>(call.until.empty() ? input : shapes::Value());
      },
      [](base::Duration) { return base::Status(base::Cancelled("asked to stop")); },
      [](const cli::StageCall&) {}};
  (void)cli::ApplyStage(*stage, {{"home", "us-east-1"}, {"recovery", "us-west-2"}}, hands);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = View(data, size);
  const std::string_view what = TakeLine(text);
  if (what == "stage") {
    ReadStage(text);
  } else if (what == "inventory") {
    const auto inventory = cli::InventoryFromJson(text);
    if (inventory.ok())
      CHECK(cli::InventoryFromJson(cli::InventoryJson(*inventory)).value().facts ==
            inventory->facts);
  } else {
    const auto value = shapes::FromJson(text);
    if (value.ok()) CHECK(shapes::FromJson(shapes::ToJson(*value)).ok());
  }
  return 0;
}

}  // namespace leeward::fuzz
