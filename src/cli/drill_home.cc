// The drill's way home.
#include <fmt/format.h>

#include "cli/drill.h"
#include "cli/history.h"
#include "cli/vantage.h"
#include "plan/plan.h"

namespace leeward::cli {
namespace {

constexpr base::Duration kSteadyAtHome{1'000'000'000};
constexpr base::Duration kHomecomingPatience{60'000'000'000};
constexpr base::Duration kLastAuditPatience{60'000'000'000};

}  // namespace

base::Result<std::string> Drill::Heal() {
  const model::Region& home = project_.application.regions.home;
  RETURN_IF_ERROR(lab_.Heal(home));
  return fmt::format("{} is back, and gets nothing by itself", home.str());
}

base::Result<std::string> Drill::Failback() {
  RETURN_IF_ERROR(StartLoad("back", &back_));
  const model::Snapshot snapshot = Here(model::Action::kFailback);
  plan::Options options;
  options.reason = "the drill brings the application home";
  options.parted = PartedOf(events_);
  ASSIGN_OR_RETURN(const model::Plan plan,
                   plan::Make(model::Action::kFailback, project_.application, inventory_.current(),
                              snapshot, options));
  RETURN_IF_ERROR(Carry(plan));
  RETURN_IF_ERROR(load_->AwaitSteady(kSteadyAtHome, kHomecomingPatience));
  return fmt::format("{} is active in {} again", project_.application.name.str(), plan.to.str());
}

base::Result<std::string> Drill::AuditFailback() {
  load_->Stop();
  voice_.Doing([] { return std::string("every acknowledged write is read back"); });
  ASSIGN_OR_RETURN(Audit audit, back_->ReadBack(ReadStore(), kLastAuditPatience));
  back_->AddTo(&series_, audit.lost);
  // What the failover saved has to be there still.
  ASSIGN_OR_RETURN(const Audit before, out_->ReadBack(ReadStore(), kLastAuditPatience));
  const std::uint64_t lost =
      audit.lost.size() + (before.lost.size() > lost_ ? before.lost.size() - lost_ : 0);
  audit.acknowledged += before.acknowledged - lost_;
  const base::WallTime now = world_.clock.Now();
  RETURN_IF_ERROR(Record(
      {report::Measured(report::kFailbackAcknowledged, {},
                        static_cast<std::int64_t>(audit.acknowledged), now),
       report::Measured(report::kFailbackLost, {}, static_cast<std::int64_t>(lost), now),
       report::Measured(report::kFailbackUnavailable, {}, load_->LongestGap().count(), now)}));
  return fmt::format("{} acknowledged writes read back, {} lost", audit.acknowledged, lost);
}

}  // namespace leeward::cli
