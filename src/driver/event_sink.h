// EventSink: where the driver tells what happens, so that printing never leaks into the loop.
#pragma once

#include <string_view>

#include "execute/execute.h"
#include "model/event.h"
#include "model/plan.h"

namespace leeward::driver {

class EventSink {
 public:
  virtual ~EventSink() = default;
  // An execution begins, or goes on from `state`. From the driver's thread.
  virtual void OnPlan(const model::Plan& plan, const execute::State& state) = 0;
  // It is durable. From the driver's thread.
  virtual void OnEvent(const model::Event& event) = 0;
  // One short line on what a running step waits for. From any thread.
  virtual void OnProgress(const model::StepId& step, std::string_view line) = 0;
};

}  // namespace leeward::driver
