#include "execute/promoted.h"

#include <optional>
#include <string_view>

#include "execute/execute.h"

namespace leeward::execute {
namespace {

// "orders" of "rds.promote/orders@us-west-2", or of a restore.
std::optional<model::ComponentName> StoreOf(const model::StepId& step) {
  const std::string_view text = step.str();
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::string_view kind = text.substr(0, slash);
  if (!kind.ends_with(".promote") && !kind.ends_with(".restore")) return std::nullopt;
  const std::string_view rest = text.substr(slash + 1);
  return model::ComponentName(std::string(rest.substr(0, rest.find('@'))));
}

}  // namespace

std::map<model::ComponentName, model::Promotion> PromotionsNotDone(
    const std::vector<model::Event>& events) {
  std::map<model::ComponentName, model::Promotion> promotions;
  std::map<model::ExecutionId, model::Region> to;
  for (const model::Event& event : events) {
    if (event.kind == model::EventKind::kExecutionStarted)
      to[event.execution] = model::Region(std::string(event.Field("to")));
    if (event.kind == model::EventKind::kExecutionFinished &&
        event.Field("outcome") == Name(Outcome::kDone))
      promotions.clear();
    if (event.kind != model::EventKind::kStepIntended) continue;
    if (const auto store = StoreOf(event.step))
      promotions[*store] = {to[event.execution], event.execution};
  }
  return promotions;
}

}  // namespace leeward::execute
