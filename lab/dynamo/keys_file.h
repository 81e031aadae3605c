// The KMS keys of a Region as its item store knows them: the Region's process, which KMS runs in,
// writes them anew with every change, before it answers whoever changed them; the item store reads
// them when a table is to be encrypted.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "lab/tables/engine.h"
#include "ports/files.h"

namespace leeward::lab::dynamo {

struct KnownKey {
  tables::EncryptionKey key;
  std::vector<std::string> names;  // id, ARN, aliases and their ARNs
};

base::Status SaveKeys(const std::vector<KnownKey>& keys, const std::string& path,
                      ports::Files& files);
// Nothing for a key that is not in the file.
base::Result<std::optional<tables::EncryptionKey>> FindKey(std::string_view name,
                                                           const std::string& path,
                                                           ports::Files& files);

}  // namespace leeward::lab::dynamo
