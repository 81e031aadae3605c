// StepTable: an execution as lines for people: a line per step with its state, time and detail.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "cli/terminal.h"
#include "execute/execute.h"
#include "model/event.h"
#include "model/plan.h"

namespace leeward::cli {

class StepTable {
 public:
  StepTable(const model::Plan& plan, const execute::State& state);

  void Apply(const model::Event& event);
  void Progress(const model::StepId& step, std::string_view line);

  // A line per step. `frame` turns the mark of running steps. No more than `limit` lines: running
  // and failed steps are shown first, and a line says how many are not.
  std::vector<std::string> Lines(base::WallTime now, const Terminal& terminal, int frame,
                                 int limit) const;
  // What an event is, on one line, for output that cannot be redrawn; empty when it says nothing
  // new.
  std::string Line(const model::Event& event) const;

 private:
  struct Row {
    model::StepId id;
    model::Phase phase;
    std::string title;
    execute::StepState state = execute::StepState::kWaiting;
    base::WallTime began, ended;
    std::string detail;
  };
  Row* Find(const model::StepId& step);
  const Row* Find(const model::StepId& step) const;
  int TitleColumns() const;  // of the longest
  std::string RowLine(const Row& row, bool with_phase, base::WallTime now, const Terminal& terminal,
                      int frame) const;

  std::vector<Row> rows_;
};

// "0.06 s", "12.4 s", "3 min 5 s": at most 9 columns.
std::string ShortTime(base::Duration duration);

}  // namespace leeward::cli
