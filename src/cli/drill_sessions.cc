#include "cli/drill_sessions.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "model/names.h"

namespace leeward::cli {
namespace {

constexpr int kFirstHost = 20;  // last number of the first mode's address
constexpr int kSecretDigits = 64;
constexpr base::Duration kReadyPatience{20'000'000'000};

std::int64_t Whole(std::uint64_t count) { return static_cast<std::int64_t>(count); }

base::Result<SessionPlace> PlaceIn(const LabEndpoints& lab, const model::Region& region,
                                   int number) {
  const auto block = lab.blocks.find(region);
  if (block == lab.blocks.end()) return base::NotFound("the lab has no " + region.str());
  ASSIGN_OR_RETURN(std::string host, AddressIn(block->second, kFirstHost + number));
  return SessionPlace{region, std::move(host), ""};
}

report::Sessions SessionsTold(const sessions::Verdict& verdict,
                              const sessions::WorkloadCounts& counts, base::WallTime fault) {
  report::Sessions told;
  told.live = Whole(verdict.live);
  told.survived = Whole(verdict.survived);
  told.lost = Whole(verdict.lost);
  told.unknown = Whole(verdict.unknown);
  told.stale = Whole(verdict.stale);
  told.revoked = Whole(verdict.revoked);
  told.still_revoked = Whole(verdict.still_revoked);
  told.back_alive = Whole(verdict.back_alive + verdict.back_alive_local);
  told.back_alive_local = Whole(verdict.back_alive_local);
  told.revoked_unknown = Whole(verdict.revoked_unknown);
  told.revoked_served = Whole(counts.revoked_served);
  told.undecided = Whole(verdict.undecided);
  if (verdict.oldest_lost)
    told.lost_span = std::max(fault - *verdict.oldest_lost, base::Duration(0));
  return told;
}

}  // namespace

base::Result<std::unique_ptr<DrillSessions>> DrillSessions::Start(const Surroundings& around) {
  std::unique_ptr<DrillSessions> all(new DrillSessions(around.world));
  for (const model::SessionLoad& load : around.project.application.workload->sessions) {
    base::Result<Mode> mode = all->StartMode(around, load, static_cast<int>(all->modes_.size()));
    if (!mode.ok())
      return std::move(mode).error().Context(fmt::format("by {}", model::Name(load.mode)));
    all->modes_.push_back(*std::move(mode));
  }
  all->began_ = around.world.clock.Monotonic();
  for (const Mode& mode : all->modes_) mode.traffic->Start();
  return all;
}

base::Result<DrillSessions::Mode> DrillSessions::StartMode(const Surroundings& around,
                                                           const model::SessionLoad& load,
                                                           int number) {
  const model::Application& application = around.project.application;
  const std::string mode_name(model::Name(load.mode));
  ASSIGN_OR_RETURN(SessionPlace home, PlaceIn(around.lab, application.regions.home, number));
  ASSIGN_OR_RETURN(SessionPlace away, PlaceIn(around.lab, application.regions.recovery, number));
  const std::string secret = world_.random.Hex(kSecretDigits);
  for (SessionPlace* place : {&home, &away})
    RETURN_IF_ERROR(OpenDoor(world_, "leeward-sessions-" + mode_name, place));
  Mode mode;
  mode.load = load;
  for (const auto& [service, place, peer] :
       {std::tuple(&mode.home, &home, &away), std::tuple(&mode.away, &away, &home)}) {
    ASSIGN_OR_RETURN(SessionKeeping keeping,
                     KeepingOf(world_, application, load, around.inventory, place->region));
    keeping.environment.emplace_back("LEEWARD_SESSION_SECRET", secret);
    const std::string log =
        fmt::format("{}/sessions-{}-{}.log", around.logs, mode_name, place->region.str());
    ASSIGN_OR_RETURN(*service,
                     SessionService::Start(world_, {around.project.spec_path, *place, peer->door,
                                                    std::move(keeping), log}));
  }
  RETURN_IF_ERROR(mode.home->AwaitReady(kReadyPatience));
  RETURN_IF_ERROR(mode.away->AwaitReady(kReadyPatience));
  sessions::WorkloadOptions options;
  options.rate = load.rate;
  mode.traffic = std::make_unique<sessions::Workload>(
      options,
      std::vector<sessions::ServicePlace>{{home.region.str(), mode.home->url(), ""},
                                          {away.region.str(), mode.away->url(), ""}},
      *world_.transport, world_.clock, world_.random);
  return mode;
}

void DrillSessions::LoseHome() {
  const double seconds = base::Seconds(world_.clock.Monotonic() - began_);
  for (Mode& mode : modes_) {
    mode.home->Kill();
    // To refuse the revoked is an answer as good as another.
    std::uint64_t answered = 0;
    for (const auto& [operation, counts] : mode.traffic->counts().of)
      answered += counts.done + counts.refused;
    mode.reached = static_cast<double>(answered) / seconds;
  }
}

void DrillSessions::Move() {
  for (const Mode& mode : modes_) mode.traffic->Use(1);
}

void DrillSessions::Stop() {
  for (const Mode& mode : modes_) mode.traffic->Stop();
}

std::vector<report::Sessions> DrillSessions::Audit(base::WallTime fault, base::Duration patience) {
  std::vector<report::Sessions> told;
  const base::MonotonicTime deadline = world_.clock.Monotonic() + patience;
  for (const Mode& mode : modes_) {
    const sessions::Verdict verdict =
        mode.traffic->Verify(1, sessions::Workload::Which::kOfOtherPlaces, deadline);
    report::Sessions& one = told.emplace_back(SessionsTold(verdict, mode.traffic->counts(), fault));
    one.mode = model::Name(mode.load.mode);
    one.rate = std::llround(mode.reached);
  }
  return told;
}

std::string DrillSessions::Text() const {
  std::string text;
  for (const Mode& mode : modes_) {
    text += fmt::format("{}{:.0f}/s by {}", text.empty() ? "" : ", ", mode.load.rate,
                        model::Name(mode.load.mode));
  }
  return text.empty() ? text : "session traffic of " + text;
}

}  // namespace leeward::cli
