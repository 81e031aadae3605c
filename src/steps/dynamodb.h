// Steps of the component kind `dynamodb`, and what they share.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "model/application.h"
#include "steps/backups.h"
#include "steps/items.h"
#include "steps/work.h"

namespace leeward::steps {

// dynamodb_prepare.cc
Result<StepOutcome> DynamodbCheckSource(const Work& work);
Result<StepOutcome> DynamodbReplicate(const Work& work);
// dynamodb_lag.cc
Result<StepOutcome> DynamodbMeasure(const Work& work);
Result<StepOutcome> DynamodbReady(const Work& work);
Result<StepOutcome> DynamodbConverge(const Work& work);
Result<StepOutcome> DynamodbDrainTo(const Work& work);
// dynamodb_fence.cc
Result<StepOutcome> DynamodbFence(const Work& work);
Result<StepOutcome> DynamodbQuiesce(const Work& work);
Result<StepOutcome> DynamodbOpen(const Work& work);
Result<StepOutcome> DynamodbRelease(const Work& work);
// dynamodb_late.cc
Result<StepOutcome> DynamodbLateWrites(const Work& work);

// A table as DescribeTable tells of it.
struct Table {
  std::string arn, status, version, stream_arn, stream_view;
  bool strong = false;
  bool deletion_protection = false;
  bool under_kms = false;  // under a key of the account's, be it AWS's; not one that AWS owns
  std::map<Region, std::string> replicas;  // of other Regions → status
  std::map<Region, std::string> why;       // of a replica that is not well, in AWS's words
  std::map<Region, std::string> witnesses;
  TableKey key;
};
// nullopt: no such table.
Result<std::optional<Table>> DescribeTable(const Work& work, const Region& region,
                                           const std::string& name);
Result<Table> NeedTable(const Work& work, const Region& region, const std::string& name);
// Waits until the table takes changes and writes.
Result<Table> AwaitTable(const Work& work, const Region& region, const std::string& name);
// kWrongState: the table cannot be a replica of a global table as the spec wants it.
Status CheckFits(const model::Dynamodb& dynamodb, const Region& region, const Table& table);
// kRefused: a strong table is made from an empty one alone.
Status CheckEmpty(const Work& work, const model::Dynamodb& dynamodb, const Region& region);

// dynamodb_backups.cc
Result<StepOutcome> DynamodbCopyBackups(const Work& work);
Result<StepOutcome> DynamodbMeasureBackup(const Work& work);
Result<StepOutcome> DynamodbRestore(const Work& work);
Secured KeptTable(const model::Dynamodb& dynamodb, std::string arn);
// The table in its Region, of which the other has none. kWrongState: it has one.
Result<Table> TableToBackUp(const Work& work, const model::Dynamodb& dynamodb,
                            const Region& region);
// The ARN of the table in the other Region, by the inventory: that Region may be lost.
Result<std::string> LostTableArn(const Work& work, const model::Dynamodb& dynamodb);
// What is restored in the step's Region: of a planned move its own last backup, else the newest.
Result<BackupPoint> PointToRestore(const Work& work, const model::Dynamodb& dynamodb);
// dynamodb_aside.cc
Result<StepOutcome> DynamodbFinalBackup(const Work& work);
Result<StepOutcome> DynamodbPreserveOld(const Work& work);
Result<StepOutcome> DynamodbRetireOld(const Work& work);

// The component's table in a Region, for items of Leeward's own: its key from the inventory, or
// from that Region. Calls end by `limit`.
Result<ItemTable> TableIn(const Work& work, const model::Dynamodb& dynamodb, const Region& region,
                          base::Duration limit);
ItemTable TableWith(const Work& work, const std::string& name, TableKey key, const Region& region,
                    base::Duration limit);

// The statement of a resource policy by which writes are denied to everyone but AWS's replication.
inline constexpr char kFenceSid[] = "LeewardFence";
// The policy with the statement, and without; empty text: no policy. kCorrupt: it is no JSON
// object.
Result<std::string> WithFence(const std::string& policy, const std::string& table_arn);
Result<std::string> WithoutFence(const std::string& policy);
bool HasFence(const std::string& policy);

struct Policy {
  std::string text, revision;  // empty: there is none
};
Result<Policy> ReadPolicy(const Work& work, const Region& region, const std::string& arn,
                          base::Duration limit);
// Takes the fence away where there is one, and waits until a write is let through.
Status OpenTable(const Work& work, const model::Dynamodb& dynamodb);

}  // namespace leeward::steps
