// MariaDB's global transaction ids as the lab needs them: "0-1-270,1-7-3" is, for each domain, the
// server that wrote the last transaction and that transaction's number. Pure.
#pragma once

#include <string_view>

namespace leeward::lab::rds {

// Whether a server that has applied `applied` has applied everything up to `received`. An id that
// cannot be read is not covered.
bool GtidCovers(std::string_view applied, std::string_view received);

}  // namespace leeward::lab::rds
