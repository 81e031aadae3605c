// What people see of a drill, and what programs do not.
#pragma once

#include <memory>

#include "cli/drill.h"
#include "cli/live_view.h"

namespace leeward::cli {

// A line per act, the step tables in between, and the load below.
class SpokenDrill : public DrillVoice {
 public:
  SpokenDrill(const ports::Clock& clock, const Terminal& terminal, Output& output)
      : terminal_(terminal), view_(clock, terminal, output) {}
  driver::EventSink& sink() override { return view_; }
  void Act(std::string_view name, std::string_view text, base::Duration took) override;
  void Doing(std::function<std::string()> status) override { view_.SetStatus(std::move(status)); }
  void Settle() override { view_.Settle(); }
  void Say(std::string_view line) { view_.Say(line); }

 private:
  const Terminal terminal_;
  LiveView view_;
};

class SilentDrill : public DrillVoice {
 public:
  driver::EventSink& sink() override { return quiet_; }
  void Act(std::string_view, std::string_view, base::Duration) override {}
  void Doing(std::function<std::string()>) override {}
  void Settle() override {}

 private:
  Quiet quiet_;
};

}  // namespace leeward::cli
