#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "lab/items/encoding.h"
#include "lab/items/json.h"
#include "lab/tables/handlers.h"
#include "lab/tables/parameters.h"
#include "lab/tables/transact.h"

namespace leeward::lab::tables {
namespace {

struct Get {
  std::string_view table_name;
  items::Item key;
  std::optional<items::Projection> projection;
  Table* table = nullptr;
};

Outcome<Get> ReadGet(const Json& asked) {
  Get get;
  get.table_name = Text(asked, "TableName");
  ASSIGN_OR_RETURN(items::Placeholders placeholders,
                   PlaceholdersOf(asked, {"ProjectionExpression"}, {}));
  ASSIGN_OR_RETURN(get.key, items::ItemFromJson(*Find(asked, "Key")));
  ASSIGN_OR_RETURN(get.projection, ProjectionOf(asked, placeholders));
  RETURN_IF_ERROR(placeholders.CheckAllUsed());
  return get;
}

Outcome<std::vector<Get>> ReadTransaction(const Json& body) {
  std::vector<Get> gets;
  for (const Json& asked : Find(body, "TransactItems")->GetArray()) {
    ASSIGN_OR_RETURN(Get get, ReadGet(*Find(asked, "Get")));
    gets.push_back(std::move(get));
  }
  return gets;
}

// What the tables say: reasons when a key is not theirs.
Outcome<std::vector<Reason>> FindTables(const Core& core, std::vector<Get>& gets) {
  std::vector<Reason> reasons(gets.size());
  for (std::size_t i = 0; i < gets.size(); ++i) {
    ASSIGN_OR_RETURN(gets[i].table, TableOfItems(core, gets[i].table_name));
    const Verdict fits = items::CheckKey(gets[i].table->keys, gets[i].key);
    const Verdict admitted = fits.ok() ? AdmitRead(core, *gets[i].table) : Verdict();
    if (!fits.ok()) reasons[i] = ReasonFrom(fits.error());
    if (!admitted.ok()) reasons[i] = ReasonFrom(admitted.error());
  }
  return reasons;
}

bool AnyReason(const std::vector<Reason>& reasons) {
  for (const Reason& reason : reasons) {
    if (reason.code != "None") return true;
  }
  return false;
}

Verdict ReadItem(const Core& core, const Get& get, Meters& meters, std::string& out,
                 std::size_t& bytes) {
  ASSIGN_OR_RETURN(const Found found, ReadItem(core, ItemPlace(*get.table, get.key)));
  meters.Of(*get.table, get.table_name)
      .Read(ReadUnits(found.size(), Consistency::kStrong) * kTransactionFactor);
  bytes += found.size();
  std::string members;
  if (found.exists() && get.projection) {
    AppendAttributes("Item", get.projection->Apply(found.item()), members);
  } else if (found.exists()) {
    AppendStoredAttributes("Item", found.head().item, members);
  }
  out += out.empty() ? "" : ",";
  out += ObjectOf(std::move(members));
  return {};
}

Outcome<WireAnswer> CarryTransaction(const Request& request) {
  const Core& core = request.core;
  ASSIGN_OR_RETURN(std::vector<Get> gets, ReadTransaction(request.body));
  ASSIGN_OR_RETURN(const std::vector<Reason> reasons, FindTables(core, gets));
  if (AnyReason(reasons)) return Cancelled(reasons);
  std::set<std::string> places;
  for (const Get& get : gets) {
    if (!places.insert(ItemPlace(*get.table, get.key)).second) {
      return ValidationError("Transaction request cannot include multiple operations on one item");
    }
  }
  Meters meters;
  std::string responses;
  std::size_t bytes = 0;
  for (const Get& get : gets) RETURN_IF_ERROR(ReadItem(core, get, meters, responses, bytes));
  if (bytes > kMaxTransactionBytes) {
    return ValidationError("Aggregated size of all items in a transaction exceeds 4 MB");
  }
  meters.Charge();
  std::string out = R"({"Responses":[)" + responses + ']';
  meters.Append(ShownBy(request.body), out);
  return WireAnswer{200, out + '}'};
}

}  // namespace

WireAnswer TransactGetItems(const Request& request) {
  Outcome<WireAnswer> answer = CarryTransaction(request);
  if (!answer.ok()) return ErrorAnswer(answer.error());
  return std::move(answer).value();
}

}  // namespace leeward::lab::tables
