#include "cli/drill_voice.h"

#include "cli/step_table.h"

namespace leeward::cli {

void SpokenDrill::Act(std::string_view name, std::string_view text, base::Duration took) {
  const int room = terminal_.width - 24;
  std::string line = Paint(terminal_, Colour::kBold, Fit(terminal_, name, 10));
  line += Paint(terminal_, Colour::kGood, terminal_.unicode ? "✓" : "+") + " ";
  line += Fit(terminal_, Printable(text), terminal_.live ? room : 1000,
              terminal_.live ? Pad::kRight : Pad::kNo);
  view_.Say(line + " " + Fit(terminal_, ShortTime(took), 9, Pad::kLeft));
}

}  // namespace leeward::cli
