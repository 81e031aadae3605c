// What CreateTable and UpdateTable are told of a table: read and checked alike by both.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lab/tables/answer.h"
#include "lab/tables/engine.h"
#include "lab/tables/table.h"
#include "shapes/value.h"

namespace leeward::lab::tables {

inline constexpr std::size_t kMaxLocalIndexes = 5;
inline constexpr std::size_t kMaxGlobalIndexes = 20;
inline constexpr std::size_t kMaxProjectedNames = 100;  // over all indexes of a table
inline constexpr std::int64_t kMaxUnits = 40000;        // of one table, each way
inline constexpr std::size_t kMaxTags = 50;

// Whether the two fit: units with PROVISIONED, none with PAY_PER_REQUEST. `index`: whose; empty:
// the table's.
Verdict CheckBilling(BillingMode billing, const shapes::Value* throughput, std::string_view index);
BillingMode BillingFrom(std::string_view name, BillingMode fallback);
Units UnitsFrom(const shapes::Value* throughput);
Outcome<OnDemandLimits> LimitsFrom(const shapes::Value* on_demand, BillingMode billing);
std::optional<Units> WarmFrom(const shapes::Value* warm);

Outcome<std::vector<items::KeyPart>> AttributesFrom(const shapes::Value::List& definitions);
// A key schema's form: HASH first, RANGE second, two names. Types are of `attributes`.
Outcome<items::KeySchema> KeysFrom(const shapes::Value::List& schema,
                                   const std::vector<items::KeyPart>& attributes);
// "[a, b]"
std::string NamesOf(const shapes::Value::List& schema);
std::string NamesOf(const std::vector<items::KeyPart>& attributes);

// One member of LocalSecondaryIndexes or GlobalSecondaryIndexes, without its throughput.
Outcome<Index> IndexFrom(const shapes::Value& spec, IndexScope scope,
                         const std::vector<items::KeyPart>& attributes,
                         const items::KeySchema& table_keys);
// Every attribute is a key of something, and no more.
Verdict CheckAttributesUsed(const std::vector<items::KeyPart>& attributes,
                            const items::KeySchema& keys, const std::vector<Index>& indexes);
Verdict CheckProjectedNames(const std::vector<Index>& indexes);

// StreamSpecification of a new stream; nullopt when it is off.
Outcome<std::optional<StreamView>> StreamFrom(const shapes::Value* spec);
// SSESpecification as SSEDescription shows it; an absent Value for what AWS owns. The key has to be
// usable.
Outcome<shapes::Value> EncryptionFrom(const shapes::Value* spec, const EngineOptions& options);
// Whether the SSEDescription names a key of one's own.
bool HasOwnKey(const shapes::Value& sse, const EngineOptions& options);
// The same encryption asked for again; a key that AWS manages is not named.
shapes::Value SpecOf(const shapes::Value& sse, const EngineOptions& options);
using Tags = std::vector<std::pair<std::string, std::string>>;
Outcome<Tags> TagsFrom(const shapes::Value::List& tags);

}  // namespace leeward::lab::tables
