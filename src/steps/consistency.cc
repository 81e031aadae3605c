#include "steps/consistency.h"

#include <algorithm>
#include <charconv>

#include "base/bytes.h"
#include "steps/gates.h"

namespace leeward::steps {
namespace {

using decide::LookedAt;

constexpr std::size_t kEntriesInJournal = 5;  // without their columns
constexpr std::size_t kNamesInJournal = 200;  // characters

std::vector<std::string> ListedSteps(const Work& work, const std::string& parameter) {
  std::vector<std::string> parts;
  const auto found = work.step().parameters.find(parameter);
  if (found == work.step().parameters.end()) return parts;
  std::string_view text = found->second;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(','), text.size());
    if (end > 0) parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

std::string Learned(const Work& work, const std::string& step, const char* name) {
  const auto found = work.context().outputs.find(step + "." + name);
  return found == work.context().outputs.end() ? "" : found->second;
}

// What the step stated last: behind its bound everything may be lost, before it nothing is.
std::optional<base::WallTime> PointBy(const Work& work, const std::string& step) {
  if (Learned(work, step, "already_promoted") == "yes") return std::nullopt;
  const auto read_at = base::ParseIso8601(Learned(work, step, "read_at"));
  const std::string text = Learned(work, step, "bound_ns");
  std::int64_t bound = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bound);
  if (!read_at.ok() || text.empty() || error != std::errc() || end != text.data() + text.size())
    return std::nullopt;
  return *read_at - base::Duration(bound);
}

std::optional<base::WallTime> PointOf(const model::RecoveryLine& line,
                                      const model::ComponentName& store) {
  for (const model::RecoveryPoint& point : line.points) {
    if (point.store == store) return point.at;
  }
  return std::nullopt;
}

// Looks at all of them, and once more for what the recovery Region wrote and has not yet put
// everywhere: an application writes into one store after the other.
void LookTwice(const Work& work, const model::Reference& reference, const decide::Reach& reach,
               std::vector<LookedAt>* rows) {
  std::vector<LookedAt*> named, fresh;
  for (LookedAt& row : *rows) {
    if (row.naming.kind == decide::Naming::Kind::kKey) named.push_back(&row);
  }
  LookForNamed(work, reference, named);
  for (LookedAt* row : named) {
    const bool new_here = decide::PlaceOf(row->at, reach) == model::Place::kAfter;
    if (new_here && row->found == model::Named::kMissing) fresh.push_back(row);
  }
  if (!fresh.empty() && work.Pause(work.limits().reference_settle).ok())
    LookForNamed(work, reference, fresh);
}

// Where nothing is there, also of rows from before the line, the question may be wrong.
std::string DoubtOf(const decide::Judged& judged) {
  const model::ReferenceCounts& counts = judged.counts;
  const bool all = counts.missing > 0 && counts.there + counts.unverified == 0;
  const bool before = std::any_of(
      judged.entries.begin(), judged.entries.end(),
      [](const model::RepairEntry& entry) { return entry.place == model::Place::kBefore; });
  return all && before ? "nothing that its rows name is there, not even from before the line; does "
                         "the reference ask for what the application writes?"
                       : "";
}

decide::Judged Verify(const Work& work, const model::Reference& reference,
                      const model::RecoveryLine& line) {
  decide::Reach reach;
  reach.line = line.at;
  reach.target = PointOf(line, reference.to);
  reach.cut = NoWritesAfter(work);
  reach.margin = work.limits().clock_margin;
  Result<RowsRead> read = ReadRows(work, reference, line.at);
  if (!read.ok()) {
    decide::Judged judged = decide::JudgeReference(reference, {}, reach);
    judged.counts.complete = false;
    judged.counts.problem = "its rows could not be read: " + read.error().message();
    return judged;
  }
  LookTwice(work, reference, reach, &read->rows);
  decide::Judged judged = decide::JudgeReference(reference, read->rows, reach);
  judged.counts.problem = DoubtOf(judged);
  if (!read->all) {
    judged.counts.complete = false;
    judged.counts.problem = "there are more than " + std::to_string(work.limits().reference_rows) +
                            " rows, and the others were not read; narrow its sql with {line}";
  }
  return judged;
}

std::string Numbered(const char* name, std::size_t number) {
  const std::string digits = std::to_string(number);
  return std::string(name) + (digits.size() < 2 ? "0" : "") + digits;
}

// The first ones that name what is missing, and then others, for whoever has the journal alone.
// What rows hold beside is not in it.
void NoteEntries(const model::RepairList& list, StepOutcome* outcome) {
  std::vector<const model::RepairEntry*> first;
  for (const auto found :
       {model::Named::kMissing, model::Named::kUnverified, model::Named::kThere}) {
    for (const model::RepairEntry& entry : list.entries) {
      if (entry.found == found && first.size() < kEntriesInJournal) first.push_back(&entry);
    }
  }
  for (std::size_t i = 0; i < first.size(); ++i) {
    model::RepairEntry entry = *first[i];
    entry.row.clear();
    entry.names = entry.names.substr(0, kNamesInJournal);
    entry.why = entry.why.substr(0, kNamesInJournal);
    outcome->outputs[Numbered("entry.", i + 1)] = ToJson(entry);
  }
}

std::string Instant(const std::optional<base::WallTime>& at) {
  return at ? base::FormatIso8601(*at) : "unknown";
}

StepOutcome OutcomeOf(const model::RepairList& list) {
  StepOutcome outcome;
  outcome.outputs["line"] = Instant(list.line.at);
  outcome.outputs["line_of"] = list.line.store.str();
  for (const model::RecoveryPoint& point : list.line.points)
    outcome.outputs["point." + point.store.str()] = Instant(point.at);
  std::int64_t rows = 0, missing = 0, unverified = 0;
  bool complete = true;
  for (std::size_t i = 0; i < list.references.size(); ++i) {
    const model::ReferenceCounts& counts = list.references[i];
    outcome.outputs[Numbered("reference.", i + 1)] = ToJson(counts);
    rows += counts.rows;
    missing += counts.missing;
    unverified += counts.unverified;
    complete = complete && counts.complete;
  }
  outcome.outputs["entries"] = std::to_string(list.entries.size());
  outcome.outputs["complete"] = complete ? "yes" : "no";
  NoteEntries(list, &outcome);
  outcome.detail = std::to_string(missing) + " missing and " + std::to_string(unverified) +
                   " not verified of what " + std::to_string(rows) + " rows name; " +
                   std::to_string(list.entries.size()) + " in the repair list" +
                   (complete ? "" : ", which is not complete");
  return outcome;
}

}  // namespace

model::RecoveryLine LineBy(const Work& work) {
  std::vector<model::RecoveryPoint> points;
  const std::vector<std::string> restates = ListedSteps(work, "restates");
  for (const std::string& measure : ListedSteps(work, "measures")) {
    const model::Step* step = work.context().plan.Find(model::StepId(measure));
    if (step == nullptr) continue;
    model::RecoveryPoint point{step->component, PointBy(work, measure)};
    for (const std::string& again : restates) {
      const model::Step* later = work.context().plan.Find(model::StepId(again));
      if (later != nullptr && later->component == point.store) point.at = PointBy(work, again);
    }
    points.push_back(std::move(point));
  }
  return model::LineOf(std::move(points));
}

Result<StepOutcome> AppConsistency(const Work& work) {
  if (!work.tools().save_repair_list)
    return base::Invalid("there is no place for a repair list here");
  model::RepairList list;
  list.application = work.application().name;
  list.execution = work.context().execution;
  list.line = LineBy(work);
  for (const model::Reference& reference : work.application().references) {
    work.Say("looking at " + reference.name);
    decide::Judged judged = Verify(work, reference, list.line);
    if (work.Cancelled()) return base::Cancelled("stopped on request");
    list.references.push_back(std::move(judged.counts));
    std::move(judged.entries.begin(), judged.entries.end(), std::back_inserter(list.entries));
  }
  const std::string text = ToJsonLines(list);
  if (text.size() > model::kMaxRepairBytes)
    return base::Exhausted("the repair list has more than " +
                           std::to_string(model::kMaxRepairBytes >> 20) +
                           " MiB; have the references' sql answer fewer columns");
  ASSIGN_OR_RETURN(const std::string path, work.tools().save_repair_list(list.execution, text));
  StepOutcome outcome = OutcomeOf(list);
  outcome.outputs["list"] = path;
  outcome.outputs["list_sha256"] = base::Sha256Hex(text);
  return outcome;
}

}  // namespace leeward::steps
