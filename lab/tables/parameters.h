// The parameters that operations on items share: keys, conditions, what to return.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lab/items/condition.h"
#include "lab/items/placeholders.h"
#include "lab/items/projection.h"
#include "lab/tables/core.h"
#include "lab/tables/write.h"

namespace leeward::lab::tables {

enum class Returned { kNone, kAllOld, kUpdatedOld, kAllNew, kUpdatedNew };
Returned ReturnedBy(const Json& body);

// Which of an operation's parameters are expressions and which came before them: given together
// they are refused. Only those that the request has are named in what comes back.
Verdict CheckOneKind(const Json& body, std::initializer_list<std::string_view> legacy,
                     std::initializer_list<std::string_view> expressions);

// Whether placeholders are given with an expression that may hold them: for requests in which other
// things are read between this and PlaceholdersOf.
Verdict CheckPlaced(const Json& body, std::initializer_list<std::string_view> expressions,
                    std::initializer_list<std::string_view> valued);

// The placeholders of a request whose expressions are `expressions`; `valued` are those that may
// hold values.
Outcome<items::Placeholders> PlaceholdersOf(const Json& body,
                                            std::initializer_list<std::string_view> expressions,
                                            std::initializer_list<std::string_view> valued);

// ConditionExpression, or Expected; nullopt when there is neither. What is wrong with Expected is
// said before expressions are read.
Outcome<std::optional<items::Condition>> ExpectedOf(const Json& body);
Outcome<std::optional<items::Condition>> ConditionOf(const Json& body, std::string_view parameter,
                                                     items::Placeholders& placeholders);
// ProjectionExpression, or AttributesToGet.
Outcome<std::optional<items::Projection>> ProjectionOf(const Json& body,
                                                       items::Placeholders& placeholders);

// "ConditionalCheckFailedException", with the item when the request asks for it.
WireAnswer ConditionFailed(const Json& body, const Found& found);

// Appends ,"Attributes":{...} from a stored item.
void AppendAttributes(std::string_view name, const items::Item& item, std::string& out);
void AppendStoredAttributes(std::string_view name, std::string_view stored, std::string& out);
// An object's text from members that each begin with a comma.
std::string ObjectOf(std::string members);

}  // namespace leeward::lab::tables
