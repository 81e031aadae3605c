// Person: at a terminal, with the command line: moves the application there and back when all is
// well enough, tries again what fails, and calls off or gives up what does not end.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sim/mover.h"

namespace leeward::sim {

class Person : public Mover {
 public:
  // `settled`: nothing else is going on, and nothing will by itself.
  Person(World& world, std::function<bool()> settled);

  // Has something left to do, and is there to do it.
  bool waits() const { return running() && (command_ || next_ < orders().size()); }
  // Left a move unfinished that cannot be given up; empty: did not.
  const std::string& gave_up() const { return gave_up_; }

 private:
  enum class Command { kMove, kCallOff, kAbandon };

  void OnStart() override;
  void Ended(const Finish& finish) override;

  const std::vector<Order>& orders() const { return world().scenario().orders; }
  void Tick();
  void Look();
  // Whether the order can be carried out now.
  bool Possible(const Order& order) const;
  // What to try instead of what failed too often.
  void Escalate();
  base::Status Try();
  base::Status CheckHands();
  base::Status Move(const std::vector<model::Event>& events);
  base::Status CallOff(const execute::Unfinished& unfinished, const model::Plan& plan,
                       const std::vector<model::Event>& events);
  enum class Needs { kEither, kBoth };
  base::Result<model::Snapshot> LookAround(Needs needs) const;
  bool Answers(Place place) const { return world().network.Answers(this->place(), place); }
  bool HasEnded(const std::vector<model::Event>& events) const;
  plan::Options Options(std::string reason) const;
  void Over();

  const std::function<bool()> settled_;
  // A person remembers what the process does not.
  std::size_t next_ = 0;
  std::optional<Command> command_;
  int tries_ = 0;
  Duration not_before_{0};  // true time; nothing is counted by it
  std::string gave_up_;
};

}  // namespace leeward::sim
