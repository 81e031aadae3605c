// Consistency: what rows of one store name in another, looked for in the Region that an application
// was recovered in. docs/decisions/references.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "decide/consistency.h"
#include "model/recovery_line.h"
#include "steps/work.h"

namespace leeward::steps {

// Verifies the spec's references and saves the repair list. What cannot be looked at is listed as
// such; nothing is changed.
Result<StepOutcome> AppConsistency(const Work& work);

// The line by what the stores' measures said; the plan's step has to name them.
model::RecoveryLine LineBy(const Work& work);

// consistency_rows.cc
struct RowsRead {
  std::vector<decide::LookedAt> rows;  // each with what it names
  bool all = true;                     // false: there are more than Limits::reference_rows
};
Result<RowsRead> ReadRows(const Work& work, const model::Reference& reference,
                          const std::optional<base::WallTime>& line);

// consistency_look.cc
// Looks for what these rows name; they know afterwards what was found, or why nothing can be said.
void LookForNamed(const Work& work, const model::Reference& reference,
                  const std::vector<decide::LookedAt*>& rows);
// A number as DynamoDB writes it, to be compared; empty: it is none that can be.
std::string PlainNumber(std::string_view text);

}  // namespace leeward::steps
