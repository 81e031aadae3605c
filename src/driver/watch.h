// Watch: observations from several vantage points, judged and decided upon until something must be
// done.
#pragma once

#include <map>
#include <optional>
#include <stop_token>

#include "base/result.h"
#include "driver/inbox.h"
#include "driver/lookout.h"
#include "model/application.h"
#include "model/observation.h"
#include "ports/clock.h"

namespace leeward::driver {

class Watch {
 public:
  // `active`: where each component takes writes and traffic now.
  Watch(const model::Application& application, std::map<model::ComponentName, model::Region> active,
        const ports::Clock& clock);

  // Hands in what a vantage point saw. From any thread.
  void Observe(model::Observation seen) { inbox_.Push(std::move(seen)); }

  // Waits until both Regions are judged up and the application stays. False: not within `patience`.
  bool WaitUntilCalm(base::Duration patience, std::stop_token stop);
  // Waits until the table of decisions wants a move. Absent: not within `patience`, or a stop was
  // asked for.
  std::optional<Ruling> WaitForMove(base::Duration patience, std::stop_token stop);
  // What is known at this instant.
  Ruling Look() const;

 private:
  // Takes in what arrived, waiting for at most a fraction of a probe's interval.
  void Gather(std::stop_token stop);

  const std::map<model::ComponentName, model::Region> active_;
  const ports::Clock& clock_;
  Lookout lookout_;
  Inbox<model::Observation> inbox_;
};

}  // namespace leeward::driver
