// Sessions in a DynamoDB table with the keys PK and SK: the Region's replica of a global table,
// which DynamoDB copies to the others, the last writer of an item winning.
//
//   PK s#HANDLE   SK data         record, version, expires      a session
//   PK s#HANDLE   SK revoked      record, expires               its revocation
//   PK revoked    SK MILLIS#HANDLE  record, expires             the same, to be listed by time
//   PK documents  SK NAME         record, expires               keys
//
// `expires` is for TTL, in seconds. docs/sessions.md.
#pragma once

#include <functional>
#include <string>

#include "aws/client.h"
#include "ports/clock.h"
#include "ports/random.h"
#include "sessions/store.h"

namespace leeward::sessions {

struct DynamoStoreOptions {
  std::string table, region;
  std::string source_address;  // local address to call from; empty: the system's choice
  session::DataLimits data;
  base::Duration attempt{std::chrono::milliseconds(800)};  // one of a call's tries
  // Waits that long; false: a stop was asked for. Absent: nothing is tried again.
  std::function<bool(base::Duration)> pause;
};

class DynamoStore : public SessionStore {
 public:
  // The references outlive the store. `random`: safe from several threads.
  DynamoStore(DynamoStoreOptions options, aws::Client& client, const ports::Clock& clock,
              ports::Random& random);

  base::Result<Stored> Read(const session::Handle& handle, ReadFor what_for,
                            base::MonotonicTime deadline) override;
  base::Result<std::uint64_t> Write(const session::Session& session, std::uint64_t expected,
                                    base::MonotonicTime deadline) override;
  base::Status Revoke(const session::Revocation& revocation, base::MonotonicTime deadline) override;
  base::Result<bool> Settle(const session::Revocation& revocation,
                            base::MonotonicTime deadline) override;
  base::Result<std::vector<session::Revocation>> RevokedSince(
      base::WallTime since, std::size_t limit, base::MonotonicTime deadline) override;
  base::Result<Page> List(const std::string& cursor, std::size_t limit,
                          base::MonotonicTime deadline) override;
  base::Status AddDocument(const Document& document, base::WallTime until,
                           base::MonotonicTime deadline) override;
  base::Result<std::vector<Document>> Documents(base::MonotonicTime deadline) override;
  base::Result<std::string> Ping(base::MonotonicTime deadline) override;

 private:
  // Before the next try of what the table left undone.
  base::Status WaitForCapacity(int tries, base::MonotonicTime deadline);
  base::Result<shapes::Value> Call(const char* operation, const shapes::Value& input,
                                   base::MonotonicTime deadline);
  // The items of one PK, all pages, at most `limit` (kExhausted).
  base::Result<shapes::Value::List> Query(const std::string& partition, const std::string& after,
                                          std::size_t limit, base::MonotonicTime deadline);

  const DynamoStoreOptions options_;
  aws::Client& client_;
  const ports::Clock& clock_;
  ports::Random& random_;
};

}  // namespace leeward::sessions
