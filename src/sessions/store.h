// SessionStore: where the sessions of one Region are kept. Real in Redis and DynamoDB, in memory,
// and fault-injecting for tests.
//
// A session's record is written only over the version that was read, so that two changes at once in
// one Region never lose one another. A revocation is an entry of its own that nothing but a
// revocation writes: no change of the session, here or in another Region, can undo it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "session/record.h"

namespace leeward::sessions {

struct Stored {
  session::Held held;
  std::uint64_t version = 0;  // of the session's record; kNoVersion: there is none
};
inline constexpr std::uint64_t kNoVersion = 0;

enum class ReadFor {
  kLook,    // what this Region's own copy says
  kChange,  // from where it will be written
};

struct Page {
  std::vector<session::Held> entries;
  std::string next;  // cursor of the next page; empty: this was the last
};

// A small named text that every Region has, such as a key's record.
struct Document {
  std::string name, text;
};

// Every call ends by `deadline` on the monotonic clock. kUnreachable: no answer by then; it says
// nothing of whether a write was done. Safe to call from several threads.
class SessionStore {
 public:
  static constexpr std::size_t kMostDocuments = 256;
  static constexpr std::size_t kMostPage = 1000;

  virtual ~SessionStore() = default;

  // Nothing of that handle is an empty Stored.
  virtual base::Result<Stored> Read(const session::Handle& handle, ReadFor what_for,
                                    base::MonotonicTime deadline) = 0;
  // Writes over `expected` only, and returns the new version. kWrongState: it is another.
  // kExhausted with the service code "full": there is no room.
  virtual base::Result<std::uint64_t> Write(const session::Session& session, std::uint64_t expected,
                                            base::MonotonicTime deadline) = 0;
  // Durable in this store when it returns. Again is fine.
  virtual base::Status Revoke(const session::Revocation& revocation,
                              base::MonotonicTime deadline) = 0;
  // Makes sure that this Region's own copy has it. False: it has not got it yet, and only another
  // Region can write.
  virtual base::Result<bool> Settle(const session::Revocation& revocation,
                                    base::MonotonicTime deadline) = 0;
  // Those made at `since` or later, oldest first. kExhausted: they are more than `limit`.
  virtual base::Result<std::vector<session::Revocation>> RevokedSince(
      base::WallTime since, std::size_t limit, base::MonotonicTime deadline) = 0;
  // Everything that is held, in pages of about `limit` (1 to kMostPage); "" is the first cursor.
  // What is written meanwhile may be missed or come twice.
  virtual base::Result<Page> List(const std::string& cursor, std::size_t limit,
                                  base::MonotonicTime deadline) = 0;
  // kAlready: there is one of that name. Kept until `until`.
  virtual base::Status AddDocument(const Document& document, base::WallTime until,
                                   base::MonotonicTime deadline) = 0;
  // At most kMostDocuments; kExhausted when there are more.
  virtual base::Result<std::vector<Document>> Documents(base::MonotonicTime deadline) = 0;
  // Whether it answers; what it is, for people: "redis 127.1.0.5:6379, primary".
  virtual base::Result<std::string> Ping(base::MonotonicTime deadline) = 0;
};

}  // namespace leeward::sessions
