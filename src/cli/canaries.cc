#include "cli/canaries.h"

#include <utility>

#include "cli/canary_writers.h"
#include "lease/in_store.h"

namespace leeward::cli {
namespace {

constexpr base::Duration kCall = std::chrono::seconds(1);

}  // namespace

Canaries::Canaries(World& world, const Project& project, const model::Inventory& inventory,
                   const model::Region& region, const probe::Resolver& resolver,
                   ports::SharedStore& store)
    : world_(world),
      project_(project),
      inventory_(inventory),
      region_(region),
      resolver_(resolver),
      store_(store) {}

std::string Canaries::Why() {
  const auto seen = lease::ReadFrom(store_, lease::Key(project_.application.name),
                                    world_.clock.Monotonic() + kCall);
  if (!seen.ok()) return "the lease cannot be read: " + seen.error().message();
  if (!*seen) return "there is no writer lease, so nobody says that " + region_.str() + " writes";
  const lease::Record& record = (*seen)->record;
  if (record.holder != region_) return "the writer lease is " + record.holder.str() + "'s";
  return record.released ? "the writer lease was given up" : "";
}

void Canaries::Start() {
  writers_ = StartCanaries(world_, project_.application, inventory_, region_,
                           "observer-" + region_.str(), resolver_);
}

std::string Canaries::Look() {
  const std::string why = Why();
  if (why.empty() && writers_.empty()) Start();
  if (!why.empty()) writers_.clear();
  std::string now;
  if (!why.empty()) now = "no canary: " + why;
  if (why.empty()) now = "stores that get a canary: " + std::to_string(writers_.size());
  if (std::exchange(told_, now) == now) return "";
  return now;
}

}  // namespace leeward::cli
