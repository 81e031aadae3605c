#include "steps/approval.h"

#include <utility>

namespace leeward::steps {
namespace {

using decide::ApprovalRequest;
using decide::Standing;

constexpr base::Duration kLook = std::chrono::milliseconds(500);  // between looks at the store
constexpr base::Duration kCall = std::chrono::seconds(1);         // of one call to the store
constexpr base::Duration kGive = std::chrono::seconds(3);         // to get an approval in
constexpr int kTries = 8;  // of a write that somebody else was before

struct Kept {
  std::optional<ApprovalRequest> request;
  std::uint64_t revision = ports::kAbsent;
};

Result<Kept> Read(ports::SharedStore& store, const std::string& key, base::MonotonicTime deadline) {
  ASSIGN_OR_RETURN(const std::optional<ports::SharedEntry> entry, store.Get(key, deadline));
  Kept there;
  if (!entry) return there;
  there.revision = entry->revision;
  ASSIGN_OR_RETURN(there.request, decide::ApprovalRequestFromJson(entry->value));
  return there;
}

class Asking {
 public:
  Asking(const Work& work, ports::SharedStore& store, ApprovalRequest wanted, Wanted until)
      : work_(work),
        until_(until),
        store_(store),
        clock_(work.tools().clock),
        key_(decide::ApprovalsKey(work.application().name)),
        wanted_(std::move(wanted)) {}

  Result<StepOutcome> Run() {
    while (true) {
      const Status looked = Look();
      const std::string said = Said(looked);
      if (std::exchange(said_, said) != said) work_.Say(said);
      if (const std::string why = NoLonger(); !why.empty()) return base::Refused(why);
      switch (decide::StandingOf(wanted_, clock_.Now())) {
        case Standing::kApproved:
          return Approved();
        case Standing::kTimeIsUp:
          return base::Refused(wanted_.question + ": " + said + "; start it again to ask again");
        case Standing::kWaits:
          RETURN_IF_ERROR(work_.Pause(kLook));
      }
    }
  }

 private:
  std::string Said(const Status& looked) const {
    std::string said = decide::Describe(wanted_, clock_.Now());
    if (!looked.ok()) said += "; approvals cannot be read now: " + looked.error().message();
    return said;
  }

  // Takes in what stands there, and puts the request where it does not.
  Status Look() {
    ASSIGN_OR_RETURN(const std::optional<ports::SharedEntry> entry, store_.Get(key_, Soon()));
    const auto there = entry ? decide::ApprovalRequestFromJson(entry->value)
                             : base::Corrupt("nothing stands there");
    const bool others = there.ok() && there->execution != wanted_.execution;
    if (asked_ && others) return base::WrongState("another execution asks now");
    // A run that begins when the time of an earlier one is up asks anew: a held execution is gone
    // on with under the same name, and would never be asked about again.
    const bool over =
        !asked_ && there.ok() && decide::StandingOf(*there, clock_.Now()) == Standing::kTimeIsUp;
    ApprovalRequest now = decide::Asked(there.ok() && !over ? &*there : nullptr, wanted_);
    if (!there.ok() || now != *there) {
      const auto put =
          store_.Put(key_, decide::ToJson(now), entry ? entry->revision : ports::kAbsent, Soon());
      if (!put.ok()) return put.error();
    }
    asked_ = true;
    wanted_ = std::move(now);
    return base::Ok();
  }

  // Why nobody need approve any more, and then nobody is asked any more; empty: it is still wanted.
  std::string NoLonger() {
    const bool asked = until_ == Wanted::kUntilMoot && work_.tools().moot;
    std::string why = asked ? work_.tools().moot() : "";
    if (why.empty()) return why;
    const auto entry = store_.Get(key_, Soon());
    if (entry.ok() && *entry) {
      const auto there = decide::ApprovalRequestFromJson((*entry)->value);
      // What is not removed ends by its own time; it is of this execution alone.
      if (there.ok() && there->execution == wanted_.execution)
        (void)store_.Remove(key_, (*entry)->revision, Soon());
    }
    return wanted_.question + ": not waited for any longer: " + why;
  }

  StepOutcome Approved() const {
    StepOutcome outcome{wanted_.question + ": approved by", {}};
    int number = 0;
    for (const decide::Approval& approval : wanted_.given) {
      const std::string of = std::to_string(++number);
      outcome.detail +=
          (number == 1 ? " " : " and ") + approval.name + " (" + approval.reason + ")";
      outcome.outputs["approval." + of] = approval.name + ": " + approval.reason;
      outcome.outputs["approved-at." + of] = base::FormatIso8601(approval.at);
    }
    outcome.outputs["approved-plan"] = wanted_.plan;
    return outcome;
  }

  base::MonotonicTime Soon() const { return clock_.Monotonic() + kCall; }

  const Work& work_;
  const Wanted until_;
  ports::SharedStore& store_;
  const ports::Clock& clock_;
  const std::string key_;
  ApprovalRequest wanted_;
  bool asked_ = false;
  std::string said_;
};

}  // namespace

bool AsksPeople(const Work& work) { return work.step().parameters.contains("approval-people"); }

Result<StepOutcome> AwaitApproval(const Work& work, const std::string& question, Wanted until) {
  ASSIGN_OR_RETURN(const std::int64_t people, work.IntParameter("approval-people"));
  ASSIGN_OR_RETURN(const std::int64_t within, work.IntParameter("approval-within-ns"));
  if (!work.tools().open_approvals || work.context().execution.empty()) {
    return base::Invalid("there is nowhere to ask people for their approval");
  }
  ASSIGN_OR_RETURN(const auto store, work.tools().open_approvals(work.application()));
  ApprovalRequest wanted;
  wanted.execution = work.context().execution;
  wanted.plan = work.context().plan_digest;
  wanted.step = work.step().id;
  wanted.question = question;
  wanted.people = static_cast<int>(people);
  wanted.until = work.tools().clock.Now() + base::Duration(within);
  return Asking(work, *store, std::move(wanted), until).Run();
}

Result<std::optional<ApprovalRequest>> ReadRequest(ports::SharedStore& store,
                                                   const model::ApplicationName& application,
                                                   base::MonotonicTime deadline) {
  ASSIGN_OR_RETURN(Kept there, Read(store, decide::ApprovalsKey(application), deadline));
  return std::move(there.request);
}

Result<ApprovalRequest> GiveApproval(ports::SharedStore& store,
                                     const model::ApplicationName& application,
                                     const ports::Clock& clock, const decide::Approval& approval,
                                     const model::ExecutionId& execution) {
  RETURN_IF_ERROR(decide::CheckApproval(approval));
  const std::string key = decide::ApprovalsKey(application);
  const base::MonotonicTime deadline = clock.Monotonic() + kGive;
  for (int i = 0; i < kTries; ++i) {
    ASSIGN_OR_RETURN(Kept there, Read(store, key, deadline));
    if (!there.request) return base::NotFound("nothing waits for an approval");
    if (!execution.empty() && there.request->execution != execution) {
      return base::NotFound("execution " + execution.str() + " waits for no approval; " +
                            there.request->execution.str() + " is what was asked about last");
    }
    ASSIGN_OR_RETURN(const ApprovalRequest given,
                     decide::Approve(*std::move(there.request), approval, clock.Now()));
    const auto put = store.Put(key, decide::ToJson(given), there.revision, deadline);
    if (put.ok()) return given;
    // Somebody else was before: looked at again.
    if (put.error().code() != base::ErrorCode::kWrongState) return put.error();
  }
  return base::ServiceBroken("the store takes no approval: others write there all the time");
}

}  // namespace leeward::steps
