// Backup plans: what a plan may say, which resources a selection takes, and when a rule is due.
// Values only; backup_schedule.cc acts on them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lab/services/backup_checks.h"
#include "lab/services/backup_resource.h"

namespace leeward::lab::backup {

struct Selection {
  std::string id;
  shapes::Value record;    // a BackupSelectionsListMember
  shapes::Value selected;  // the BackupSelection
};

struct Plan {
  std::string id;
  shapes::Value record;  // a BackupPlansListMember
  shapes::Value asked;   // as it was given
  shapes::Value plan;    // the BackupPlan, with ids of its rules
  shapes::Value tags = shapes::Value::Struct();
  shapes::Value versions = shapes::Value::EmptyList();  // {VersionId, CreationDate, Plan}, by age
  base::WallTime looked_at;                             // what was due before has been begun
  std::vector<Selection> selections;
};
bool IsDeleted(const Plan& plan);

shapes::Value Save(const Plan& plan);
Plan LoadPlan(const shapes::Value& saved);

Problem CheckPlan(const shapes::Value& plan);
Problem CheckSelection(const shapes::Value& selected);

// A rule's times, by its schedule; `rule` has passed CheckPlan.
std::optional<base::WallTime> NextRun(const shapes::Value& rule, base::WallTime after);

// "*" stands for any characters.
bool MatchesPattern(std::string_view pattern, std::string_view text);
// Whether the selection takes the resource. `opted_in`: its type is, in this Region; one that is
// named needs no opting in.
enum class OptIn { kYes, kNo };
bool Takes(const shapes::Value& selected, const ResourceSeen& resource, OptIn opted_in);

}  // namespace leeward::lab::backup
