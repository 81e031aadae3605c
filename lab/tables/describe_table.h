// A table as DescribeTable shows it.
#pragma once

#include "lab/tables/core.h"

namespace leeward::lab::tables {

// TableDescription.
// Its AttributeDefinitions.
shapes::Value AttributesOf(const Table& table);
shapes::Value DescriptionOf(const Core& core, const Table& table);
shapes::Value SchemaOf(const items::KeySchema& keys);  // KeySchema
shapes::Value ProjectionOf(const IndexProjection& projection);
shapes::Value ThroughputOf(const Throughput& throughput);  // ProvisionedThroughputDescription
// Gives the new table a number and an id, and puts it where tables are, CREATING.
Outcome<Table*> AddTable(Core& core, Table made);

}  // namespace leeward::lab::tables
