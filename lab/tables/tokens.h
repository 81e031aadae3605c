// Client request tokens of transactions: for ten minutes a repeated one changes nothing.
#pragma once

#include <string_view>

#include "lab/tables/core.h"

namespace leeward::lab::tables {

inline constexpr base::Duration kTokenLife = std::chrono::minutes(10);

// Whether a transaction with that token was made already. IdempotentParameterMismatchException when
// it was another one. `text`: what the transaction says.
Outcome<bool> IsRepeated(const Core& core, std::string_view token, std::string_view text);
// Remembers it with what the batch writes, and forgets those that are too old.
void Remember(const Core& core, std::string_view token, std::string_view text, Batch& batch);

}  // namespace leeward::lab::tables
