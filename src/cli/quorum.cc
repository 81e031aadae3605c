#include "cli/quorum.h"

#include <algorithm>
#include <utility>

#include "cli/open_store.h"

namespace leeward::cli {
namespace {

constexpr int kProbes = 4;  // two views of each observer are surely there after so many
constexpr base::Duration kLongestWait = std::chrono::seconds(10);

bool Settled(const std::vector<observe::Sight>& sights) {
  return std::none_of(sights.begin(), sights.end(), [](const observe::Sight& sight) {
    return sight.standing == observe::Standing::kBeginning;
  });
}

}  // namespace

QuorumLook::QuorumLook(World& world, const model::Application& application,
                       std::unique_ptr<ports::SharedStore> store)
    : world_(world),
      patience_(std::min(kProbes * application.detection.probe_every, kLongestWait)),
      down_when_(application.detection.down_when),
      store_(std::move(store)),
      reader_(application, *store_, world.clock) {}

base::Result<std::unique_ptr<QuorumLook>> QuorumLook::Make(World& world, const Project& project) {
  ASSIGN_OR_RETURN(auto store, OpenSharedStore(world, project, "verdicts"));
  return std::unique_ptr<QuorumLook>(new QuorumLook(world, project.application, std::move(store)));
}

Quorum QuorumLook::Look() {
  const base::MonotonicTime end = world_.clock.Monotonic() + patience_;
  Quorum quorum;
  do {
    const base::Status polled = reader_.Poll();
    quorum.trouble = polled.ok() ? "" : polled.error().message();
  } while ((!quorum.trouble.empty() || !Settled(reader_.Sights())) &&
           world_.clock.Monotonic() < end && world_.Pause(reader_.every()));
  quorum.regions = reader_.Judge();
  quorum.observers = reader_.Sights();
  quorum.down_when = down_when_;
  return quorum;
}

}  // namespace leeward::cli
