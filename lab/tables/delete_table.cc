#include <fmt/format.h>

#include "lab/tables/describe_table.h"
#include "lab/tables/handlers.h"
#include "lab/tables/replication.h"
#include "lab/tables/states.h"

namespace leeward::lab::tables {
namespace {

Outcome<Table*> DeleteAsked(const Request& request) {
  Core& core = request.core;
  ASSIGN_OR_RETURN(Table* const table, TableNamed(core, Text(request.body, "TableName")));
  if (table->status == TableStatus::kDeleting) return table;
  RETURN_IF_ERROR(CheckNotBusy(*table));
  if (table->deletion_protection) {
    return ValidationError(
        "Resource cannot be deleted as it is currently protected against deletion. Disable "
        "deletion protection first.");
  }
  if (core.options.replicas != nullptr) {
    ASSIGN_OR_RETURN(const shapes::Value input, Decoded(request));
    RETURN_IF_ERROR(core.options.replicas->Allow("DeleteTable", table->name, input));
  }
  table->status = TableStatus::kDeleting;
  const Verdict saved = Save(core, *table);
  if (!saved.ok()) {
    table->status = TableStatus::kActive;
    return ApiError(saved.error());
  }
  RemoveLater(core, *table);
  return table;
}

// Less than DescribeTable shows: what is going is described by its name and little more.
shapes::Value DescriptionOfDeleted(const Core& core, const Table& table) {
  shapes::Value out = DescriptionOf(core, table);
  for (const std::string_view gone :
       {"AttributeDefinitions", "KeySchema", "CreationDateTime", "LocalSecondaryIndexes",
        "GlobalSecondaryIndexes", "WarmThroughput"}) {
    out.Erase(gone);
  }
  return out;
}

}  // namespace

WireAnswer DeleteTable(const Request& request) {
  const Outcome<Table*> deleted = DeleteAsked(request);
  if (!deleted.ok()) return ErrorAnswer(deleted.error());
  return Encoded(
      request,
      shapes::Value::Struct({{"TableDescription", DescriptionOfDeleted(request.core, **deleted)}}));
}

}  // namespace leeward::lab::tables
