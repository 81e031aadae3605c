// Core: what all operations of an engine share. Inside this room only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "lab/tables/answer.h"
#include "lab/tables/commit_group.h"
#include "lab/tables/engine.h"
#include "lab/tables/members.h"
#include "lab/tables/store.h"
#include "lab/tables/table.h"
#include "shapes/model.h"
#include "shapes/value.h"

namespace leeward::lab::tables {

struct Backup;  // lab/tables/backup.h

struct Request {
  Core& core;
  const shapes::Operation& operation;
  const Json& body;
  const Caller& caller;
};
// Answers at once; what takes longer goes on with Core::Later.
using Handler = WireAnswer (*)(const Request& request);

struct Core {
  EngineOptions options;
  std::unique_ptr<Store> store;
  std::unique_ptr<CommitGroup> commits;
  std::map<std::string, std::unique_ptr<Table>, std::less<>> tables;
  // Tables that are gone, whose streams can still be read.
  std::vector<std::unique_ptr<Table>> departed;
  std::vector<std::unique_ptr<Backup>> backups;  // by age
  TableNumber next_number = 1;
  std::uint64_t sequence = 0;  // the last one given to a change
  std::unique_ptr<Replication> replication;
  // Gone with the engine; what is still due looks here first.
  std::shared_ptr<const bool> alive = std::make_shared<const bool>(true);

  Core();
  ~Core();
  base::WallTime Now() const { return options.clock->Now(); }
  std::int64_t NowMicros() const {
    return std::chrono::duration_cast<std::chrono::microseconds>(Now().since_epoch).count();
  }
  // Runs `then` after `delay`, when nothing waits to be written, unless the engine is gone.
  void Later(base::Duration delay, std::function<void()> then);
  // Runs `then` at the end of this turn, unless the engine is gone. Needs EngineOptions::soon.
  void Soon(std::function<void()> then);
  // Makes the writes that wait. Those whose they are are told how it went.
  void SettleWrites();
  Table* FindTable(std::string_view name) const;
  // The same table, however it has changed since; nullptr when it was deleted.
  Table* FindNumber(TableNumber number) const;
  void Publish(std::string_view metric, std::string_view table, std::string_view unit,
               double value) const;
  std::string Uuid();
};

std::string TableArn(const Core& core, std::string_view table);
std::string StreamArn(const Core& core, std::string_view table, const Stream& stream);
// A table's name from a name or an ARN; the name is not looked up. ValidationException for an ARN
// that is not a table's, AccessDeniedException for one of elsewhere.
Outcome<std::string> NameFrom(const Core& core, std::string_view name_or_arn);
// The table, for operations on items: ResourceNotFoundException also while it is being made or
// deleted.
Outcome<Table*> TableOfItems(const Core& core, const Json& body);
Outcome<Table*> TableOfItems(const Core& core, std::string_view name_or_arn);
// The table in whatever state, for operations on tables. The error names it.
Outcome<Table*> TableNamed(const Core& core, std::string_view name_or_arn);

// Writes the description.
Verdict Save(Core& core, const Table& table);
void Save(Batch& batch, const Table& table);
void SaveExtents(Batch& batch, const Table& table);
void ReadExtents(std::string_view saved, Table& table);
// Sets what the buckets give by what is provisioned.
void SetRates(const Core& core, Table& table);

// A request as Amazon's shapes read it, and an answer as they write it: for operations that are
// called seldom.
Outcome<shapes::Value> Decoded(const Request& request);
WireAnswer Encoded(const Request& request, const shapes::Value& output);

}  // namespace leeward::lab::tables
