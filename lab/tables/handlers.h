// The operations, one function each, in a file of the family's name.
#pragma once

#include "lab/tables/core.h"

namespace leeward::lab::tables {

// Tables: create_table.cc, describe_table.cc, update_table.cc, delete_table.cc, list_tables.cc
WireAnswer CreateTable(const Request& request);
WireAnswer DescribeTable(const Request& request);
WireAnswer UpdateTable(const Request& request);
WireAnswer DeleteTable(const Request& request);
WireAnswer ListTables(const Request& request);
// limits.cc
WireAnswer DescribeLimits(const Request& request);
WireAnswer DescribeEndpoints(const Request& request);

// Items: put_item.cc, get_item.cc, update_item.cc, delete_item.cc
WireAnswer PutItem(const Request& request);
WireAnswer GetItem(const Request& request);
WireAnswer UpdateItem(const Request& request);
WireAnswer DeleteItem(const Request& request);
// query.cc, scan.cc, batch_get.cc, batch_write.cc, transact_get.cc, transact_write.cc
WireAnswer Query(const Request& request);
WireAnswer Scan(const Request& request);
WireAnswer BatchGetItem(const Request& request);
WireAnswer BatchWriteItem(const Request& request);
WireAnswer TransactGetItems(const Request& request);
WireAnswer TransactWriteItems(const Request& request);

// time_to_live.cc, tags.cc, resource_policy.cc
WireAnswer UpdateTimeToLive(const Request& request);
WireAnswer DescribeTimeToLive(const Request& request);
WireAnswer TagResource(const Request& request);
WireAnswer UntagResource(const Request& request);
WireAnswer ListTagsOfResource(const Request& request);
WireAnswer PutResourcePolicy(const Request& request);
WireAnswer GetResourcePolicy(const Request& request);
WireAnswer DeleteResourcePolicy(const Request& request);
// backup.cc, continuous.cc, restore.cc
WireAnswer CreateBackup(const Request& request);
WireAnswer DescribeBackup(const Request& request);
WireAnswer DeleteBackup(const Request& request);
WireAnswer ListBackups(const Request& request);
WireAnswer UpdateContinuousBackups(const Request& request);
WireAnswer DescribeContinuousBackups(const Request& request);
WireAnswer RestoreTableFromBackup(const Request& request);
WireAnswer RestoreTableToPointInTime(const Request& request);
// streams.cc, stream_records.cc
WireAnswer ListStreams(const Request& request);
WireAnswer DescribeStream(const Request& request);
WireAnswer GetShardIterator(const Request& request);
WireAnswer GetRecords(const Request& request);

}  // namespace leeward::lab::tables
