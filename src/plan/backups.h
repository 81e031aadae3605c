// Steps by which AWS Backup keeps a store in the other Region, and of which one is made there: for
// every component kind that it backs up, the same.
#pragma once

#include "plan/draft.h"

namespace leeward::plan {

// What of these steps differs from kind to kind.
struct BackedKind {
  const char* service;                // whose components these are, as in their kind's name
  std::vector<CallTemplate> look;     // at what is in the step's Region
  std::vector<CallTemplate> look_at;  // and what is in the other's, of which the backup is taken
};

// The template of `kind`, which backs a component up in the other Region and copies that here.
StepTemplate CopyBackupsTemplate(const char* kind, const BackedKind& backed);
StepTemplate MeasureBackupTemplate(const char* kind, const BackedKind& backed);
// Of a planned move; `reason` says what is made of it.
StepTemplate FinalBackupTemplate(const char* kind, const char* reason, const BackedKind& backed);

}  // namespace leeward::plan
