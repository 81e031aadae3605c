#include <map>
#include <optional>
#include <string>

#include "sim/check.h"

namespace leeward::sim {
namespace {

struct Execution {
  Hand hand = Hand::kNobody;  // that wrote last
  bool over = false;
};

bool IsOver(const std::string& text) {
  return text.ends_with("done") || text.ends_with("refused") || text.ends_with("abandoned");
}

// A person ends a planned move by beginning to call it off.
bool Replaces(const std::string& later, const std::string& earlier) {
  return later.starts_with("call-off") && !earlier.starts_with("failover");
}

class Hands {
 public:
  explicit Hands(Violations* violations) : violations_(violations) {}

  void Take(const Fact& fact) {
    if (fact.detail.empty()) return;  // of no execution
    if (fact.text.starts_with("execution-started")) return Start(fact);
    Execution& execution = executions_[fact.detail];
    if (fact.text.starts_with("execution-resumed")) execution.hand = fact.hand;
    if (fact.text.starts_with("execution-finished")) execution.over |= IsOver(fact.text);
    // Who gives it up, or hears that it is over, need not have gone on with it.
    if (execution.hand != fact.hand && !execution.over) {
      Report(fact, std::string(Name(fact.hand)) + " recorded " + fact.text + " of " + fact.detail +
                       ", with which " + Name(execution.hand) + " had gone on");
    }
  }

 private:
  void Start(const Fact& fact) {
    for (auto& [id, execution] : executions_) {
      if (execution.over || id == fact.detail) continue;
      if (!Replaces(fact.detail, id)) {
        Report(fact, std::string(Name(fact.hand)) + " began " + fact.detail + ", and " + id +
                         " of " + Name(execution.hand) + " was not over");
      }
      execution.over = true;  // once is enough
    }
    executions_[fact.detail] = {fact.hand, false};
  }
  void Report(const Fact& fact, const std::string& what) {
    violations_->push_back({"hands", At(fact) + what});
  }

  Violations* violations_;
  std::map<std::string, Execution> executions_;
};

// What befalls controllers, their disks and the steps' APIs takes no application away. Anything
// else may: without the other Regions' members the store cannot renew a lease in time.
bool TakesApplications(const Fact& fault) {
  for (const char* of_controllers :
       {"controller-", "crash", "torn-", "power-", "disk-", "api-errors"}) {
    if (fault.text.starts_with(of_controllers)) return false;
  }
  return true;
}

}  // namespace

void CheckHands(const History& history, Violations* violations) {
  Hands hands(violations);
  bool touched = false;
  for (const Fact& fact : history.facts) {
    switch (fact.kind) {
      case FactKind::kFault:
        touched |= TakesApplications(fact);
        break;
      case FactKind::kBroken:
        violations->push_back({"hands", At(fact) + fact.text});
        break;
      case FactKind::kRecorded:
        // A move by hand that stands still takes the application away as well.
        touched |= fact.hand == Hand::kPerson;
        if (!touched && fact.text == "execution-started failover") {
          violations->push_back(
              {"hands", At(fact) + "a failover began, and nothing had befallen the application"});
        }
        hands.Take(fact);
        break;
      default:
        break;
    }
  }
}

}  // namespace leeward::sim
