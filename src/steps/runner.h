// Runner: every step kind with the function that carries it out.
//
// Each looks first, acts if it must, and confirms: running a step again after a crash at any
// instant ends in the same state. A step on the failover path never waits for the lost Region.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "aws/client.h"
#include "base/result.h"
#include "base/time.h"
#include "lease/taker.h"
#include "model/application.h"
#include "model/inventory.h"
#include "ports/clock.h"
#include "ports/random.h"
#include "ports/shared_store.h"
#include "ports/step_runner.h"
#include "probe/dns.h"

namespace leeward::steps {

// What steps work with; all of it outlives the runner and is safe to use from several threads.
struct Tools {
  aws::Client& aws;
  const ports::Clock& clock;
  ports::Random& random;
  const probe::Resolver& resolver;                 // for database hosts and the public name
  std::map<std::string, std::string> environment;  // where passwords are
  // Keeps the inventory for the day it is needed.
  std::function<base::Status(const model::Inventory&)> save_inventory;
  std::string source_address;  // local address to ask from; empty: the system's choice
  // The store of the writer lease; absent: steps that need it are refused.
  std::function<base::Result<std::unique_ptr<ports::SharedStore>>(const model::SharedStorePlace&)>
      open_store = {};
  // What this process, by `clock`, saw of the lease before the steps began.
  std::optional<lease::Sighting> lease_sighting = {};
  // Where people are asked for their approval; absent: steps that need it are refused.
  std::function<base::Result<std::unique_ptr<ports::SharedStore>>(const model::Application&)>
      open_approvals = {};
  // Why what people are asked about is not wanted any longer; empty: it is. Absent: always is.
  std::function<std::string()> moot = {};
  // Keeps an execution's repair list, for its owner alone, and says where; absent: steps that make
  // one are refused.
  std::function<base::Result<std::string>(const model::ExecutionId&, const std::string& text)>
      save_repair_list = {};
  // What whoever starts or goes on with a plan accepts to lose, beside what the plan says of it.
  std::optional<base::Duration> accepted_loss = {};
};

struct Limits {
  base::Duration call =
      std::chrono::seconds(5);  // one AWS operation with its retries; 100 ms to 1 min
  base::Duration old_region = std::chrono::milliseconds(
      1500);  // anything asked of a Region that may be lost; 100 ms to 1 min
  base::Duration sql =
      std::chrono::seconds(3);  // one SQL exchange, connecting included; 100 ms to 1 min
  base::Duration sql_poll =
      std::chrono::milliseconds(10);  // between looks at a database; 1 ms to 1 s
  base::Duration restart_poll = std::chrono::milliseconds(
      100);  // between tries to get into a database that is starting; 10 ms to 5 s
  base::Duration api_poll_first =
      std::chrono::milliseconds(20);                       // between looks at an API, growing ...
  base::Duration api_poll_most = std::chrono::seconds(5);  // ... to this; 10 ms to 5 min
  base::Duration http_poll =
      std::chrono::milliseconds(20);  // between looks at a front address; 5 ms to 10 s
  base::Duration http = std::chrono::milliseconds(1000);  // one HTTP exchange; 50 ms to 1 min
  base::Duration arc_call =
      std::chrono::milliseconds(500);  // one routing control endpoint; 50 ms to 30 s
  base::Duration arc_hedge =
      std::chrono::milliseconds(150);  // before another endpoint is asked too; 10 ms to 10 s
  base::Duration drain_still =
      std::chrono::milliseconds(150);  // no log moved for so long: the rest is an unfinished record
  base::Duration clock_margin =
      std::chrono::milliseconds(100);  // by which two Regions' clocks may differ; 0 to 1 min
  base::Duration items_settle =
      std::chrono::milliseconds(500);  // what left with a table's last write is waited for
  base::Duration both_regions =
      std::chrono::seconds(5);  // what both Regions' EFS must agree on, before one alone is asked;
                                // 100 ms to 10 min
  base::Duration guard_opens = std::chrono::seconds(
      30);  // at least, for a guard that has to find its database again; 0 to 5 min
  base::Duration take_set =
      std::chrono::seconds(30);  // EC2's answer to a set of snapshots; 1 s to 10 min
  base::Duration writes_held =
      std::chrono::minutes(2);  // a cache's, in a planned move, before they go on by themselves
  base::Duration datastore_failover =
      std::chrono::minutes(2);  // before a secondary that is not promoted is cut loose
  base::Duration reference_query =
      std::chrono::minutes(2);   // for the rows of a reference to be read; 1 s to 1 h
  int reference_rows = 100'000;  // of a reference; 1 to 1 000 000
  int reference_asks = 8;        // of the application at a time; 1 to 64
  base::Duration
      reference_spare =  // of an attempt's time, to write the repair list in; 1 s to 1 min
      std::chrono::seconds(10);
  base::Duration reference_settle =
      std::chrono::seconds(1);    // before what new rows name is missed; 0 to 1 min
  int backup_retention_days = 1;  // of sources and promoted instances; 1 to 35
};

struct Shared;  // what steps have in common while the runner lives

class Runner : public ports::StepRunner {
 public:
  explicit Runner(Tools tools, Limits limits = {});
  // Waits for requests that are still under way, at most one arc_call.
  ~Runner() override;
  base::Result<ports::StepOutcome> Run(const ports::StepContext& context) override;

  // Opens the connections that a failover to `region` will need, so that it does not wait for them.
  // What cannot be opened by the deadline is left to the steps.
  void Warm(const model::Application& application, const model::Inventory& inventory,
            const model::Region& region, base::MonotonicTime deadline);

 private:
  std::unique_ptr<Shared> shared_;
};

// Every step kind that has a runner, sorted.
std::vector<model::StepKind> AllRunners();

}  // namespace leeward::steps
