// SessionService: `leeward session` in one Region of a drill's lab, as a process that is lost with
// its Region. It calls from an address of the Region, and other Regions' services reach it through
// a load balancer there: both ways the lab's network carries, and cuts, what the services say.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "cli/world.h"
#include "model/application.h"
#include "model/inventory.h"

namespace leeward::cli {

struct SessionPlace {
  model::Region region;
  std::string host;  // address in the Region's block that nobody else has
  std::string door;  // URL at which other Regions reach it
};

// Makes the load balancer before the place, and fills in `door`.
base::Status OpenDoor(World& world, const std::string& name, SessionPlace* place);

// How the service keeps sessions: arguments and environment variables of `leeward session`.
struct SessionKeeping {
  std::vector<std::string> arguments;
  std::vector<std::pair<std::string, std::string>> environment;
};
// kNotFound: the inventory does not know the store in that Region.
base::Result<SessionKeeping> KeepingOf(const World& world, const model::Application& application,
                                       const model::SessionLoad& load,
                                       const model::Inventory& inventory,
                                       const model::Region& region);

struct SessionLaunch {
  std::string spec_path;
  SessionPlace place;
  std::string peer;  // the other Region's door
  SessionKeeping keeping;
  std::string log;  // file for what the process says
};

class SessionService {
 public:
  static base::Result<std::unique_ptr<SessionService>> Start(World& world,
                                                             const SessionLaunch& launch);
  ~SessionService();
  SessionService(const SessionService&) = delete;
  SessionService& operator=(const SessionService&) = delete;

  // Waits until its store and the other Region's service answer it.
  base::Status AwaitReady(base::Duration patience);
  // SIGKILL, as for everything in a Region that is lost.
  void Kill();
  const std::string& url() const { return url_; }

 private:
  SessionService(World& world, const SessionLaunch& launch, pid_t process);
  base::Status Ready() const;

  World& world_;
  const model::Region region_;
  const std::string log_, url_;
  pid_t process_;  // 0: it has ended
};

}  // namespace leeward::cli
