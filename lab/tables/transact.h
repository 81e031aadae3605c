// What TransactWriteItems and TransactGetItems have in common.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lab/tables/capacity.h"
#include "lab/tables/core.h"
#include "lab/tables/write.h"

namespace leeward::lab::tables {

inline constexpr std::size_t kMaxTransactionBytes = std::size_t{4} << 20;
// A transaction prepares and commits: each unit counts twice.
inline constexpr double kTransactionFactor = 2;

// Why one action stood in the way of its transaction.
struct Reason {
  std::string code = "None";
  std::string message;
  std::string item;  // JSON; empty: none
};
Reason ReasonFrom(const ApiError& error);
WireAnswer Cancelled(const std::vector<Reason>& reasons);

// Meters by table, in the order in which the tables came.
class Meters {
 public:
  Meter& Of(Table& table, std::string_view given);
  void Charge() const;
  // Appends ,"ConsumedCapacity":[...] when it is asked for.
  void Append(Shown shown, std::string& out) const;

 private:
  std::vector<Meter> meters_;
};

}  // namespace leeward::lab::tables
