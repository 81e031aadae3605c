#include "cli/mirroring.h"

#include <filesystem>
#include <utility>

#include "cli/baton.h"
#include "cli/carry_out.h"
#include "cli/emit.h"
#include "cli/history.h"
#include "cli/open_store.h"
#include "cli/terminal.h"
#include "driver/join.h"
#include "execute/execute.h"
#include "lease/in_store.h"
#include "lease/terms.h"
#include "plan/plan.h"

namespace leeward::cli {
namespace {

constexpr char kController[] = "serve:";
constexpr std::size_t kMaxMirrorName = 256;
constexpr base::Duration kMirrorCall = std::chrono::seconds(2);
constexpr base::Duration kMirrorLook = std::chrono::milliseconds(100);

journal::Mirror::Options OptionsFor(World& world, const Project& project,
                                    const std::string& writer) {
  journal::Mirror::Options options;
  options.application = project.application.name;
  options.writer = writer;
  options.pause = [&world](base::Duration wait) { return world.Pause(wait); };
  return options;
}

// Who vouched for the fence in the plan that is to be gone on with; empty: nobody.
std::string VouchedBefore(const std::vector<model::Event>& events) {
  const auto unfinished = execute::FindUnfinished(events);
  if (!unfinished) return "";
  const auto plan = plan::FromJson(unfinished->plan_json);
  if (!plan.ok()) return "";
  for (const model::Step& step : plan->steps) {
    const auto found = step.parameters.find("override");
    if (found != step.parameters.end()) return found->second;
  }
  return "";
}

// A controller that acts renews its lease; one whose record stays as it is for the lease's life and
// the taker's margins is gone.
base::Status CheckNobodyActs(World& world, const Project& project, ports::SharedStore& store,
                             const std::string& writer) {
  const std::string key = ControllersKey(project.application.name);
  std::optional<lease::Seen> first;
  base::MonotonicTime end{};
  while (true) {
    const auto seen = lease::ReadFrom(store, key, world.clock.Monotonic() + kMirrorCall);
    const base::MonotonicTime now = world.clock.Monotonic();
    if (!seen.ok()) return seen.error();
    if (!*seen || (*seen)->record.released) return base::Ok();
    if (!first) {
      first = **seen;
      end = now + lease::TakerWait(lease::TermsFor(first->record.ttl), first->record.ttl);
    }
    if (first->revision != (*seen)->revision) {
      return base::WrongState("controller " + writer +
                              " carries this failover out, and controllers are alive; leave it to "
                              "them, or stop them first");
    }
    if (now >= end) return base::Ok();
    if (!world.Pause(kMirrorLook)) return base::Cancelled("stopped on request");
  }
}

// The store, for a look that changes nothing; nullptr: there is none.
base::Result<std::unique_ptr<ports::SharedStore>> OpenIfThere(World& world,
                                                              const Project& project) {
  const auto& place = project.application.failover.store;
  if (!place) return std::unique_ptr<ports::SharedStore>();
  if (place->kind == model::SharedStoreKind::kSqlite) {
    // Opening would make the file.
    const auto path = std::filesystem::path(project.SpecFolder()) / place->path;
    ASSIGN_OR_RETURN(const bool there, world.files.Exists(path.string()));
    if (!there) return std::unique_ptr<ports::SharedStore>();
  }
  return OpenSharedStore(world, project, "the journal's mirror");
}

}  // namespace

base::Result<Mirroring> StartMirroring(World& world, const Project& project,
                                       const std::string& writer, ports::SharedStore* store,
                                       journal::Journal::Opened& opened) {
  Mirroring mirroring;
  if (!project.application.failover.store) return mirroring;
  if (store == nullptr) {
    ASSIGN_OR_RETURN(mirroring.own, OpenSharedStore(world, project, "the journal's mirror"));
    store = mirroring.own.get();
  }
  mirroring.mirror =
      std::make_unique<journal::Mirror>(*store, world.clock, OptionsFor(world, project, writer));
  ASSIGN_OR_RETURN(mirroring.told, driver::Join(opened, *mirroring.mirror, world.clock.Now()));
  return mirroring;
}

base::Result<Mirroring> MirrorUnlessVouched(World& world, const Project& project,
                                            const std::string& writer, ports::SharedStore* store,
                                            const std::string& override,
                                            journal::Journal::Opened& opened) {
  base::Result<Mirroring> started = StartMirroring(world, project, writer, store, opened);
  if (started.ok() || started.error().code() != base::ErrorCode::kUnreachable) return started;
  const std::string by = override.empty() ? VouchedBefore(opened.events) : override;
  if (by.empty()) {
    return std::move(started).error().Context(
        "the store has the journal's mirror and nothing is begun without it");
  }
  model::Event note;
  note.at = world.clock.Now();
  note.kind = model::EventKind::kNote;
  note.fields["text"] =
      "not mirrored: " + started.error().message() + "; the fence is vouched for by " + by;
  RETURN_IF_ERROR(opened.journal->Append({std::move(note)}));
  return Mirroring();
}

base::Result<std::optional<journal::MirrorHead>> LookAtMirror(World& world, const Project& project,
                                                              ports::SharedStore& store) {
  return journal::Mirror(store, world.clock, OptionsFor(world, project, "")).Look();
}

base::Status CatchUp(World& world, const Project& project, const std::string& writer) {
  if (!project.application.failover.store) return base::Ok();
  ASSIGN_OR_RETURN(const auto store, OpenSharedStore(world, project, "the journal's mirror"));
  const auto head = LookAtMirror(world, project, *store);
  // Whether it may be done without the store is asked when the journal is opened.
  if (!head.ok() && head.error().code() == base::ErrorCode::kUnreachable) return base::Ok();
  if (!head.ok()) return head.error();
  if (!*head) return base::Ok();
  ASSIGN_OR_RETURN(const bool exists, world.files.Exists(project.JournalPath()));
  if ((*head)->over() && !exists) return base::Ok();
  ASSIGN_OR_RETURN(journal::Journal::Opened opened, OpenJournal(world.files, project));
  const auto name = world.files.Read(project.state + "/controller", kMaxMirrorName);
  const bool ours = name.ok() && (*head)->writer == kController + *name;  // its journal is free
  if (IsControllers(**head) && !ours) {
    RETURN_IF_ERROR(CheckNobodyActs(world, project, *store, (*head)->writer));
  }
  ASSIGN_OR_RETURN(const Mirroring mirroring,
                   StartMirroring(world, project, writer, store.get(), opened));
  if (!mirroring.told.empty()) Emit(stderr, "leeward: {}\n", Printable(mirroring.told));
  return base::Ok();
}

base::Status AddMirrored(World& world, const Project& project, std::vector<model::Event>* history) {
  ASSIGN_OR_RETURN(const auto store, OpenIfThere(world, project));
  if (store == nullptr) return base::Ok();
  journal::Mirror mirror(*store, world.clock, OptionsFor(world, project, ""));
  const auto head = mirror.Look();
  if (!head.ok() && head.error().code() == base::ErrorCode::kUnreachable) return base::Ok();
  if (!head.ok()) return head.error();
  if (!*head || (*head)->over()) return base::Ok();
  ASSIGN_OR_RETURN(const std::vector<model::Event> events, mirror.Fetch());
  std::erase_if(*history,
                [&](const model::Event& event) { return event.execution == (*head)->execution; });
  history->insert(history->end(), events.begin(), events.end());
  return base::Ok();
}

base::Result<std::optional<journal::MirrorHead>> LastMoveElsewhere(
    World& world, const Project& project, const std::vector<model::Event>& history) {
  using Found = std::optional<journal::MirrorHead>;
  ASSIGN_OR_RETURN(const auto store, OpenIfThere(world, project));
  if (store == nullptr) return Found();
  ASSIGN_OR_RETURN(Found head, LookAtMirror(world, project, *store));
  if (!head || IsWholeIn(history, head->execution)) return Found();
  return head;
}

bool IsControllers(const journal::MirrorHead& head) {
  return !head.over() && head.action == "failover" && head.actor.starts_with(kController) &&
         head.writer.starts_with(kController);
}

}  // namespace leeward::cli
