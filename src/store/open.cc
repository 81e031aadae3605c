#include "store/open.h"

#include <filesystem>

#include "base/check.h"
#include "store/dynamodb.h"
#include "store/etcd.h"
#include "store/sqlite.h"

namespace leeward::store {

base::Result<std::unique_ptr<ports::SharedStore>> Open(const model::SharedStorePlace& place,
                                                       const std::string& folder,
                                                       ports::HttpTransport& transport,
                                                       aws::Client& client,
                                                       const ports::Clock& clock) {
  switch (place.kind) {
    case model::SharedStoreKind::kSqlite:
      return OpenSqlite({.path = (std::filesystem::path(folder) / place.path).string()}, clock);
    case model::SharedStoreKind::kEtcd:
      return OpenEtcd({place.endpoints}, transport, clock);
    case model::SharedStoreKind::kDynamoDb:
      return OpenDynamoDb({place.table, place.replicas}, client, clock);
  }
  CHECK_NEVER("SharedStoreKind outside its enum");
}

}  // namespace leeward::store
