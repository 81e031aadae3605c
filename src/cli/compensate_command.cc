// compensate: runs the spec's sagas for what the recovery line cut in half, each once.
// docs/decisions/references.md.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "cli/before.h"
#include "cli/carry_out.h"
#include "cli/commands.h"
#include "cli/emit.h"
#include "cli/exit_code.h"
#include "cli/repair_lists.h"
#include "cli/signals.h"
#include "cli/terminal.h"
#include "cli/world.h"
#include "decide/saga.h"
#include "guard/child_program.h"

namespace leeward::cli {
namespace {

using decide::Compensated;
using decide::Compensation;

// As a guard's hook: nothing of our own environment, where credentials stand.
constexpr char kProgramPath[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

struct Compensating {
  const Arguments& arguments;
  World& world;
  const Project& project;
  journal::Journal& journal;
  const FoundRepairList& found;
  std::vector<Compensation> all;
};

std::string Called(const Compensation& one) {
  return fmt::format("saga '{}' for {} {}", one.saga.name, one.entry.to.str(), one.entry.names);
}

base::Status Note(Compensating& work, const model::Event& event) {
  const auto appended = work.journal.Append({event});
  return appended.ok() ? base::Ok() : base::Status(appended.error());
}

base::Status Ended(Compensating& work, Compensation& one) {
  return Note(work,
              decide::CompensationEnded(one, work.found.list.execution, work.world.clock.Now()));
}

std::string HowItEnded(const guard::ProgramEnd& end, base::Duration within) {
  switch (end.ending) {
    case guard::Ending::kExited:
      return fmt::format("exit code {}", end.code);
    case guard::Ending::kSignalled:
      return fmt::format("ended by signal {}", end.code);
    case guard::Ending::kTimedOut:
      return fmt::format("did not end within {} and was ended", base::FormatDuration(within));
    case guard::Ending::kStopped:
      return "was ended because a stop was asked for";
    case guard::Ending::kNotStarted:
      return end.trouble;
  }
  CHECK_NEVER("Ending outside its enum");
}

guard::ProgramCall CallOf(const Compensating& work, const Compensation& one) {
  return {one.saga.compensate.run,
          {{"PATH", kProgramPath},
           {"LEEWARD_APPLICATION", work.project.application.name.str()},
           {"LEEWARD_EXECUTION", work.found.list.execution.str()},
           {"LEEWARD_SAGA", one.saga.name},
           {"LEEWARD_COMPENSATION", one.id}},
          one.saga.compensate.within,
          ToJson(one.entry) + "\n"};
}

// Runs it and writes down how it ended. What it says is told and not kept.
base::Status RunOne(Compensating& work, Compensation& one) {
  RETURN_IF_ERROR(Note(
      work, decide::CompensationIntended(one, work.found.list.execution, work.world.clock.Now())));
  guard::ChildProgram program(work.world.clock);
  const guard::ProgramEnd end =
      program.Run(CallOf(work, one), [&work] { return work.world.stop.stop_requested(); });
  const bool done = end.ending == guard::Ending::kExited && end.code == 0;
  one.state = done ? Compensated::kDone : Compensated::kFailed;
  one.detail = HowItEnded(end, one.saga.compensate.within);
  if (!work.arguments.json) {
    Emit("{} {}: {}{}\n", done ? "done  " : "failed", Printable(Called(one)), Printable(one.detail),
         end.output.empty() ? "" : "; it said: " + Printable(end.output));
  }
  return Ended(work, one);
}

constexpr char kHowToSettle[] =
    "find out what it did, put it right by hand, then say --settled \"NAME: REASON\", which goes "
    "on "
    "behind it";

// A person has seen to the one that is in the way.
base::Status Settle(Compensating& work) {
  if (work.arguments.settled.empty()) return base::Ok();
  for (Compensation& one : work.all) {
    if (one.state != Compensated::kFailed && one.state != Compensated::kUnknown) continue;
    one.state = Compensated::kSettled;
    one.detail = work.arguments.settled;
    return Ended(work, one);
  }
  return base::WrongState("--settled: nothing failed, and nothing is unknown");
}

base::Status ConfirmAll(const Compensating& work, std::size_t waiting) {
  if (work.arguments.yes) return base::Ok();
  std::string what = fmt::format("{} compensations, for {} in {}", waiting,
                                 work.project.application.name.str(), work.found.path);
  for (const model::ReferenceCounts& counts : work.found.list.references) {
    if (!counts.problem.empty()) what += fmt::format("; {}: {}", counts.name, counts.problem);
  }
  if (isatty(STDIN_FILENO) != 1 || work.arguments.json)
    return base::Invalid(Printable(what) + "; nobody to ask here, say --yes to run them");
  Emit(stderr, "{}\nType yes to run them: ", Printable(what));
  std::string answer;
  std::getline(std::cin, answer);
  if (answer == "yes") return base::Ok();
  return base::Cancelled("not run; nothing was changed");
}

std::size_t CountOf(const Compensating& work, Compensated state) {
  return static_cast<std::size_t>(
      std::count_if(work.all.begin(), work.all.end(),
                    [state](const Compensation& one) { return one.state == state; }));
}

int TellWhatBecame(const Compensating& work, int code) {
  if (!work.arguments.json) {
    Emit("{} of {} compensations are done, {} settled by hand, {} failed, {} unknown, {} wait\n",
         CountOf(work, Compensated::kDone), work.all.size(), CountOf(work, Compensated::kSettled),
         CountOf(work, Compensated::kFailed), CountOf(work, Compensated::kUnknown),
         CountOf(work, Compensated::kWaiting));
    return code;
  }
  nlohmann::ordered_json json{{"schema", "leeward/compensate/v1"},
                              {"execution", work.found.list.execution.str()},
                              {"total", work.all.size()}};
  for (const Compensated state : {Compensated::kDone, Compensated::kSettled, Compensated::kFailed,
                                  Compensated::kUnknown, Compensated::kWaiting})
    json[std::string(Name(state))] = CountOf(work, state);
  const Compensation* next = decide::NextOf(work.all);
  json["next"] = next == nullptr ? nlohmann::ordered_json(nullptr)
                                 : nlohmann::ordered_json{{"saga", next->saga.name},
                                                          {"names", next->entry.names},
                                                          {"state", Name(next->state)},
                                                          {"detail", next->detail}};
  Emit("{}\n", json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  return code;
}

// In order, up to the first that is in the way.
base::Result<int> RunInOrder(Compensating& work) {
  for (Compensation& one : work.all) {
    if (one.state == Compensated::kDone || one.state == Compensated::kSettled) continue;
    if (one.state != Compensated::kWaiting) {
      Emit(stderr, "leeward: {} {}: {}; {}\n", Printable(Called(one)),
           one.state == Compensated::kFailed ? "failed" : "may or may not have been done",
           Printable(one.detail), kHowToSettle);
      return TellWhatBecame(work, kGateRefused);
    }
    if (work.world.stop.stop_requested()) return TellWhatBecame(work, kFailed);
    RETURN_IF_ERROR(RunOne(work, one));
    if (one.state == Compensated::kDone) continue;
    Emit(stderr, "leeward: {} failed: {}; {}\n", Printable(Called(one)), Printable(one.detail),
         kHowToSettle);
    return TellWhatBecame(work, kFailed);
  }
  return TellWhatBecame(work, kDone);
}

base::Result<int> CompensateAll(const Arguments& arguments, World& world) {
  if (!arguments.settled.empty())
    RETURN_IF_ERROR(CheckSigned("--settled", arguments.settled, "who has seen to it"));
  ASSIGN_OR_RETURN(const Project project, OpenProject(world.files, arguments));
  if (project.application.sagas.empty())
    return base::WrongState("the spec names no sagas; there is nothing to run");
  ASSIGN_OR_RETURN(const bool exists, world.files.Exists(project.JournalPath()));
  if (!exists)
    return base::NotFound(
        fmt::format("no journal at {}; nothing was carried out yet", project.JournalPath()));
  ASSIGN_OR_RETURN(journal::Journal::Opened opened, OpenJournal(world.files, project));
  ASSIGN_OR_RETURN(const FoundRepairList found,
                   NewestRepairList(world.files, project, opened.events));
  Compensating work{
      arguments, world,
      project,   *opened.journal,
      found,     decide::CompensationsOf(project.application, found.list, opened.events)};
  RETURN_IF_ERROR(Settle(work));
  if (const std::size_t waiting = CountOf(work, Compensated::kWaiting); waiting > 0)
    RETURN_IF_ERROR(ConfirmAll(work, waiting));
  return RunInOrder(work);
}

}  // namespace

int RunCompensate(const Arguments& arguments) {
  StopSignals signals;
  WorldOptions options;
  options.stop = signals.token();
  base::Result<std::unique_ptr<World>> world = World::Make(options);
  if (!world.ok()) return Complain(world.error());
  const base::Result<int> code = CompensateAll(arguments, **world);
  if (code.ok()) return *code;
  return AlreadyTold(code.error()) ? kBadUsage : Complain(code.error());
}

}  // namespace leeward::cli
