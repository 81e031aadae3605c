// The commands, one file each. Each returns the process's exit code and has told people why.
#pragma once

#include "cli/arguments.h"

namespace leeward::cli {

int RunValidate(const Arguments& arguments);
int RunSchema(const Arguments& arguments);
int RunPlan(const Arguments& arguments);
// protect, failover, switchover and failback.
int RunAction(const Arguments& arguments);
int RunStatus(const Arguments& arguments);
// stage: a lab's resources.
int RunStageCommand(const Arguments& arguments);
int RunDrill(const Arguments& arguments);
int RunJournalVerify(const Arguments& arguments);
// abandon: gives up an execution that was begun and has not ended.
int RunAbandon(const Arguments& arguments);
// approve: a person's agreement to what an execution waits for.
int RunApprove(const Arguments& arguments);
int RunReport(const Arguments& arguments);
// forecast: what the next loss of the Region will cost, by earlier drills.
int RunForecast(const Arguments& arguments);
int RunLateWrites(const Arguments& arguments);
int RunRepairList(const Arguments& arguments);
// compensate: the spec's sagas, for what is in the repair list.
int RunCompensate(const Arguments& arguments);
// guard: runs until it is stopped.
int RunGuard(const Arguments& arguments);
// observe: runs until it is stopped.
int RunObserve(const Arguments& arguments);
// serve: runs until it is stopped.
int RunServe(const Arguments& arguments);
// session: runs until it is stopped.
int RunSession(const Arguments& arguments);
int RunVersion(const Arguments& arguments);

}  // namespace leeward::cli
