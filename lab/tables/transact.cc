#include "lab/tables/transact.h"

#include <fmt/format.h>

#include "lab/items/json.h"

namespace leeward::lab::tables {

Reason ReasonFrom(const ApiError& error) {
  if (error.code == "ValidationException") return {"ValidationError", error.message, ""};
  if (error.code == "ProvisionedThroughputExceededException") {
    return {"ProvisionedThroughputExceeded", error.message, ""};
  }
  if (error.code == "ThrottlingException") return {"ThrottlingError", error.message, ""};
  return {error.code, error.message, ""};
}

WireAnswer Cancelled(const std::vector<Reason>& reasons) {
  std::vector<std::string_view> codes;
  std::string list;
  for (const Reason& reason : reasons) {
    codes.push_back(reason.code);
    list += list.empty() ? "" : ",";
    list += fmt::format(R"({{"Code":"{}")", reason.code);
    if (!reason.message.empty()) {
      list += R"(,"Message":)";
      items::AppendJsonString(reason.message, list);
    }
    if (!reason.item.empty()) list += fmt::format(R"(,"Item":{})", reason.item);
    list += '}';
  }
  return ErrorAnswer(
      {"TransactionCanceledException",
       fmt::format("Transaction cancelled, please refer cancellation reasons for specific reasons "
                   "[{}]",
                   fmt::join(codes, ", ")),
       400,
       {}},
      fmt::format(R"(,"CancellationReasons":[{}])", list));
}

Meter& Meters::Of(Table& table, std::string_view given) {
  for (Meter& meter : meters_) {
    if (&meter.table() == &table) return meter;
  }
  return meters_.emplace_back(table, given);
}

void Meters::Charge() const {
  for (const Meter& meter : meters_) meter.Charge();
}

void Meters::Append(Shown shown, std::string& out) const {
  if (shown == Shown::kNone) return;
  std::string list;
  for (const Meter& meter : meters_) {
    list += list.empty() ? "" : ",";
    meter.Append(shown, Meter::Form::kTransaction, list);
  }
  out += fmt::format(R"(,"ConsumedCapacity":[{}])", list);
}

}  // namespace leeward::lab::tables
