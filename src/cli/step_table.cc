#include "cli/step_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "model/names.h"

namespace leeward::cli {
namespace {

using execute::StepState;
using model::EventKind;

constexpr int kPhaseColumns = 10;
constexpr int kTimeColumns = 7;
constexpr int kMinDetailColumns = 16;  // when titles are long

struct Mark {
  std::string_view unicode, ascii;
  Colour colour;
};

Mark MarkOf(StepState state, int frame) {
  static constexpr std::string_view kSpin[] = {"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"};
  static constexpr std::string_view kAsciiSpin[] = {"|", "/", "-", "\\"};
  switch (state) {
    case StepState::kWaiting:
      return {"·", ".", Colour::kFaint};
    case StepState::kIntended:
      return {kSpin[frame % 10], kAsciiSpin[frame % 4], Colour::kBusy};
    case StepState::kRetrying:
      return {"↻", "~", Colour::kWarn};
    case StepState::kDone:
      return {"✓", "+", Colour::kGood};
    case StepState::kFailed:
      return {"✗", "x", Colour::kBad};
    case StepState::kSkipped:
      return {"–", "-", Colour::kFaint};
  }
  return {"?", "?", Colour::kPlain};
}

bool Urgent(StepState state) {
  return state == StepState::kIntended || state == StepState::kRetrying ||
         state == StepState::kFailed;
}

}  // namespace

std::string ShortTime(base::Duration duration) {
  const double seconds = base::Seconds(duration);
  if (seconds < 0) return "0.00 s";
  if (seconds < 10) return fmt::format("{:.2f} s", seconds);
  if (seconds < 100) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<std::int64_t>(seconds);
  if (whole < 3600) return fmt::format("{}m{:02}s", whole / 60, whole % 60);
  return fmt::format("{}h{:02}m", whole / 3600, whole / 60 % 60);
}

StepTable::StepTable(const model::Plan& plan, const execute::State& state) {
  for (const model::Step& step : plan.steps) {
    Row row{step.id, step.phase, step.title};
    if (const auto found = state.steps.find(step.id); found != state.steps.end()) {
      row.state = found->second.state;
      row.began = found->second.first_intended;
      row.ended = found->second.ended;
      row.detail = found->second.detail;
    }
    rows_.push_back(std::move(row));
  }
  // A phase stands together, in the order in which phases first occur.
  std::vector<model::Phase> order;
  for (const Row& row : rows_) {
    if (std::find(order.begin(), order.end(), row.phase) == order.end()) order.push_back(row.phase);
  }
  const auto rank = [&](const Row& row) {
    return std::find(order.begin(), order.end(), row.phase) - order.begin();
  };
  std::stable_sort(rows_.begin(), rows_.end(),
                   [&](const Row& a, const Row& b) { return rank(a) < rank(b); });
}

const StepTable::Row* StepTable::Find(const model::StepId& step) const {
  const auto found =
      std::find_if(rows_.begin(), rows_.end(), [&](const Row& row) { return row.id == step; });
  return found == rows_.end() ? nullptr : &*found;
}

StepTable::Row* StepTable::Find(const model::StepId& step) {
  return const_cast<Row*>(static_cast<const StepTable*>(this)->Find(step));
}

void StepTable::Apply(const model::Event& event) {
  Row* row = Find(event.step);
  if (row == nullptr) return;
  switch (event.kind) {
    case EventKind::kStepIntended:
      if (row->began == base::WallTime{}) row->began = event.at;
      row->state = StepState::kIntended;
      row->detail.clear();
      break;
    case EventKind::kStepDone:
      row->state = StepState::kDone;
      row->ended = event.at;
      row->detail = Printable(event.Field("detail"));
      break;
    case EventKind::kStepFailed:
      row->state = event.Field("final") == "yes" ? StepState::kFailed : StepState::kRetrying;
      row->ended = event.at;
      row->detail = Printable(event.Field("message"));
      break;
    case EventKind::kStepSkipped:
      row->state = StepState::kSkipped;
      row->detail = Printable(event.Field("reason"));
      break;
    default:
      break;  // other events are not about a step's state
  }
}

void StepTable::Progress(const model::StepId& step, std::string_view line) {
  Row* row = Find(step);
  if (row != nullptr && row->state == StepState::kIntended) row->detail = Printable(line);
}

int StepTable::TitleColumns() const {
  int longest = 0;
  for (const Row& row : rows_) longest = std::max(longest, Columns(row.title));
  return longest;
}

std::string StepTable::RowLine(const Row& row, bool with_phase, base::WallTime now,
                               const Terminal& terminal, int frame) const {
  const Mark mark = MarkOf(row.state, frame);
  std::string time;
  if (row.state == StepState::kDone || row.state == StepState::kFailed)
    time = ShortTime(row.ended - row.began);
  if (row.state == StepState::kIntended || row.state == StepState::kRetrying)
    time = ShortTime(now - row.began);
  const int room = terminal.width - 2 - kPhaseColumns - 2 - kTimeColumns - 2;
  const int title = std::min(TitleColumns(), std::max(room - kMinDetailColumns, room / 2));
  const Colour detail = row.state == StepState::kFailed ? Colour::kBad : Colour::kFaint;
  const Colour title_colour = row.state == StepState::kWaiting || row.state == StepState::kSkipped
                                  ? Colour::kFaint
                                  : Colour::kPlain;
  std::string line =
      "  " + Paint(terminal, Colour::kBold,
                   Fit(terminal, with_phase ? model::Name(row.phase) : "", kPhaseColumns));
  line += Paint(terminal, mark.colour, terminal.unicode ? mark.unicode : mark.ascii) + " ";
  line += Paint(terminal, title_colour, Fit(terminal, row.title, title));
  line += Fit(terminal, time, kTimeColumns, Pad::kLeft) + "  ";
  line += Paint(terminal, detail, Fit(terminal, row.detail, room - title, Pad::kNo));
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

std::vector<std::string> StepTable::Lines(base::WallTime now, const Terminal& terminal, int frame,
                                          int limit) const {
  std::set<const Row*> shown;
  const auto take = [&](auto wanted) {
    const int room = static_cast<int>(rows_.size()) > limit ? limit - 1 : limit;
    for (const Row& row : rows_) {
      if (static_cast<int>(shown.size()) < room && wanted(row)) shown.insert(&row);
    }
  };
  take([](const Row& row) { return Urgent(row.state); });
  take([](const Row& row) { return row.state == StepState::kWaiting; });
  take([](const Row&) { return true; });

  std::vector<std::string> lines;
  std::optional<model::Phase> phase;
  for (const Row& row : rows_) {
    if (!shown.contains(&row)) continue;
    lines.push_back(RowLine(row, phase != row.phase, now, terminal, frame));
    phase = row.phase;
  }
  if (shown.size() < rows_.size()) {
    lines.push_back(
        Paint(terminal, Colour::kFaint, fmt::format("  and {} more", rows_.size() - shown.size())));
  }
  return lines;
}

std::string StepTable::Line(const model::Event& event) const {
  const Row* row = Find(event.step);
  if (row == nullptr) return "";
  std::string_view what;
  switch (event.kind) {
    case EventKind::kStepIntended:
      what = "start";
      break;
    case EventKind::kStepDone:
      what = "done";
      break;
    case EventKind::kStepFailed:
      what = event.Field("final") == "yes" ? "failed" : "retry";
      break;
    case EventKind::kStepSkipped:
      what = "skipped";
      break;
    default:
      return "";
  }
  std::string line = fmt::format("{}  {:<9} {:<8} {}", base::FormatIso8601(event.at),
                                 model::Name(row->phase), what, row->title);
  if (event.kind == EventKind::kStepDone || event.kind == EventKind::kStepFailed) {
    line += fmt::format(" ({})", ShortTime(row->ended - row->began));
  }
  if (event.kind != EventKind::kStepIntended && !row->detail.empty()) line += ": " + row->detail;
  return line;
}

}  // namespace leeward::cli
