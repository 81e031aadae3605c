#include "cli/plan_view.h"

#include <algorithm>
#include <sstream>

#include "plan/plan.h"

namespace leeward::cli {

std::string PlanText(const model::Plan& plan, const Terminal& terminal) {
  std::string table = plan::ToText(plan);
  if (!terminal.live) return table;
  std::istringstream lines(table);
  int widest = 0;
  for (std::string line; std::getline(lines, line);) widest = std::max(widest, Columns(line));
  return widest <= terminal.width ? table : plan::ToText(plan, terminal.width);
}

}  // namespace leeward::cli
