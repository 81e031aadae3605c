// repair-list: what rows name beyond the recovery line of the last failover.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/emit.h"
#include "cli/exit_code.h"
#include "cli/project.h"
#include "cli/repair_lists.h"
#include "cli/terminal.h"
#include "journal/journal.h"
#include "os/files.h"

namespace leeward::cli {
namespace {

std::string EntryLine(const model::RepairEntry& entry) {
  std::string row;
  for (const auto& [column, value] : entry.row)
    row += fmt::format(" {}={}", column, value.value_or("NULL"));
  return fmt::format("  {:<10} {:<7} {} {}: {}{}\n", Name(entry.found), Name(entry.place),
                     entry.to.str(), Printable(entry.names), Printable(entry.reference),
                     Printable(row + (entry.why.empty() ? "" : "; " + entry.why)));
}

void TellPeople(const FoundRepairList& found) {
  const model::RecoveryLine& line = found.list.line;
  Emit("recovery line: {}\n",
       line.at ? base::FormatIso8601(*line.at) + ", how far " + line.store.str() + " comes"
               : "unknown, for it is not known how far " + line.store.str() + " comes");
  for (const model::ReferenceCounts& counts : found.list.references) {
    Emit("{}: {} of {} rows name what is missing, {} not verified{}\n", Printable(counts.name),
         counts.missing, counts.rows, counts.unverified,
         counts.problem.empty() ? "" : "; " + Printable(counts.problem));
  }
  for (const model::RepairEntry& entry : found.list.entries) Emit("{}", EntryLine(entry));
  Emit("{} in {}{}; nothing was deleted\n", found.list.entries.size(), found.path,
       found.stated.complete ? "" : ", which is not complete");
}

void TellPrograms(const FoundRepairList& found) {
  nlohmann::ordered_json json{
      {"schema", "leeward/repair-list/v1"},
      {"execution", found.list.execution.str()},
      {"line", found.list.line.at ? nlohmann::ordered_json(base::FormatIso8601(*found.list.line.at))
                                  : nlohmann::ordered_json(nullptr)},
      {"complete", found.stated.complete},
      {"file", found.path},
      {"sha256", found.stated.list_sha256}};
  json["references"] = nlohmann::ordered_json::array();
  for (const model::ReferenceCounts& counts : found.list.references)
    json["references"].push_back(nlohmann::ordered_json::parse(model::ToJson(counts)));
  json["entries"] = nlohmann::ordered_json::array();
  for (const model::RepairEntry& entry : found.list.entries)
    json["entries"].push_back(nlohmann::ordered_json::parse(model::ToJson(entry)));
  Emit("{}\n", json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

base::Result<int> ShowRepairList(const Arguments& arguments) {
  os::SystemFiles files;
  ASSIGN_OR_RETURN(const Project project, OpenProject(files, arguments));
  base::Result<journal::Contents> contents = journal::Read(files, project.JournalPath());
  if (!contents.ok() && contents.error().code() == base::ErrorCode::kNotFound)
    return base::NotFound(
        fmt::format("no journal at {}; nothing was carried out yet", project.JournalPath()));
  if (!contents.ok()) return std::move(contents).error();
  ASSIGN_OR_RETURN(const FoundRepairList found, NewestRepairList(files, project, contents->events));
  arguments.json ? TellPrograms(found) : TellPeople(found);
  return kDone;
}

}  // namespace

int RunRepairList(const Arguments& arguments) {
  const base::Result<int> code = ShowRepairList(arguments);
  if (code.ok()) return *code;
  return AlreadyTold(code.error()) ? kBadUsage : Complain(code.error());
}

}  // namespace leeward::cli
