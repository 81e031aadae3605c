// What requests cost: counted, taken from what is provisioned, and shown to who asks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lab/tables/core.h"
#include "lab/tables/write.h"

namespace leeward::lab::tables {

enum class Consistency { kEventual, kStrong };
// Read units for so many bytes: at least those of one block of 4 KB.
double ReadUnits(std::uint64_t bytes, Consistency consistency);

// ReturnConsumedCapacity.
enum class Shown { kNone, kTotal, kIndexes };
Shown ShownBy(const Json& body);

// The capacity that one request takes of one table.
class Meter {
 public:
  // `given`: the table as the request names it, which is how the answer does.
  Meter(Table& table, std::string_view given) : table_(&table), given_(given) {}

  void Read(double units) { table_read_ += units; }
  void ReadIndex(const Index& index, double units) { Add(index, units, 0); }
  // `factor`: 2 in transactions.
  void Wrote(const WriteCost& cost, double factor = 1);
  void Write(double units) { table_write_ += units; }

  Table& table() const { return *table_; }
  // Takes it from the buckets.
  void Charge() const;
  // Appends a ConsumedCapacity. `kTransaction`: with reads and writes apart.
  enum class Form { kPlain, kTransaction };
  void Append(Shown shown, Form form, std::string& out) const;
  double total() const;

 private:
  struct Part {
    const Index* index;
    double read;
    double write;
  };
  void Add(const Index& index, double read, double write);
  void AppendParts(IndexScope scope, Form form, std::string_view name, std::string& out) const;

  Table* table_;
  std::string given_;
  double table_read_ = 0;
  double table_write_ = 0;
  std::vector<Part> parts_;
};

// Whether the table (or index) has something left: ProvisionedThroughputExceededException, or
// ThrottlingException for a limit of an on-demand table.
Verdict AdmitRead(const Core& core, Table& table, Index* index = nullptr);
Verdict AdmitWrite(const Core& core, Table& table);
// The same for the global indexes that a write changes.
Verdict AdmitIndexes(const Core& core, Table& table, const WriteCost& cost);

// Appends ,"ConsumedCapacity":{...} when it is asked for.
void AppendConsumed(Shown shown, const Meter& meter, std::string& out);

// Appends an ItemCollectionMetrics for the item's collection.
void AppendCollection(const Table& table, const items::Item& key, std::string& out);
// Whether the request asks for it, of a table that has item collections.
bool ShowsCollection(const Json& body, const Table& table);

}  // namespace leeward::lab::tables
