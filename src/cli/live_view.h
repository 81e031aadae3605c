// LiveView: what a person watches while an execution or a drill runs. On a terminal the step table
// is redrawn in place; elsewhere every event is a line of its own.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "cli/step_table.h"
#include "cli/terminal.h"
#include "driver/event_sink.h"
#include "ports/clock.h"

namespace leeward::cli {

// Where the view writes: standard output, or a test's own.
class Output {
 public:
  virtual ~Output() = default;
  virtual void Write(std::string_view text) = 0;
};

class StandardOutput : public Output {
 public:
  void Write(std::string_view text) override;
};

class LiveView : public driver::EventSink {
 public:
  LiveView(const ports::Clock& clock, const Terminal& terminal, Output& output);
  ~LiveView() override;

  // A line that stays, above what is redrawn.
  void Say(std::string_view line);
  // The line under the table: the load, a wait. Asked for at each redrawing, from the view's
  // thread; has to be quick and not to use the view. Empty: none. Not shown where nothing can be
  // redrawn.
  void SetStatus(std::function<std::string()> line);
  // The table as it stands becomes lines that stay.
  void Settle();

  void OnPlan(const model::Plan& plan, const execute::State& state) override;
  void OnEvent(const model::Event& event) override;
  void OnProgress(const model::StepId& step, std::string_view line) override;

 private:
  void Write();
  std::string Compose();
  std::string Table(int limit);

  const ports::Clock& clock_;
  Terminal terminal_;
  Output& output_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool closing_ = false;
  bool fresh_ = false;  // something to show that is not shown yet
  std::optional<StepTable> table_;
  std::string said_;  // lines that stay, not yet written
  std::function<std::string()> status_;
  int drawn_ = 0;  // lines to go up to redraw
  int frame_ = 0;
  std::thread thread_;  // the only writer, so that a stalled terminal stalls nothing else. Last:
                        // uses the others
};

// Shows nothing: for --json.
class Quiet : public driver::EventSink {
 public:
  void OnPlan(const model::Plan&, const execute::State&) override {}
  void OnEvent(const model::Event&) override {}
  void OnProgress(const model::StepId&, std::string_view) override {}
};

}  // namespace leeward::cli
