// Sessions: what an application may do with its users' sessions, whichever way they are kept.
//
// A client holds a credential: the session's id, or a token that says it all. What is stored and
// spoken of is the handle, which gives no access.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "session/record.h"

namespace leeward::sessions {

// How long sessions live, and what they may hold.
struct Terms {
  base::Duration idle{std::chrono::minutes(30)};  // without a touch; of a token: its life
  base::Duration life{std::chrono::hours(12)};    // at most, whatever is touched
  session::DataLimits data;
  base::Duration skew{std::chrono::seconds(5)};  // that clocks may be apart; 0 to 60 s
};
inline constexpr base::Duration kLeastIdle = std::chrono::seconds(1);
inline constexpr base::Duration kMostLife = std::chrono::hours(24 * 31);
base::Status Validate(const Terms& terms);

struct NewSession {
  std::string subject;
  std::map<std::string, std::string> data;
  std::optional<base::Duration> life;  // at most that of the terms
};

// Of fields: a text sets one, absence removes it.
using Change = std::map<std::string, std::optional<std::string>>;

struct View {
  std::string credential;  // to be given to the client; empty where the client has it already
  session::Handle handle;
  std::string subject;
  base::WallTime created, expires, ends;
  std::map<std::string, std::string> data;
};

// How far a revocation that was answered has come.
enum class Reach {
  kEverywhere,  // durable in every Region
  kHeld,        // durable here; each other Region refuses the session, some from memory alone
  kLocal,       // durable here; a Region that does not answer will be told when it does
};
std::string_view Name(Reach reach);  // "everywhere", "held", "local"

struct Revoked {
  session::Handle handle;
  Reach reach = Reach::kLocal;
  std::vector<std::string> regions;  // that have it durably
};

// Errors say by service_code() what is wrong with a credential: "unknown", "expired", "revoked",
// and for tokens "malformed", "algorithm", "key", "signature", "issuer", "audience", "not-yet".
// "conflict": too many changes at once; "full": no room for more. kUnreachable: the store gave no
// answer, or not everything that has to be known is known. All may be called from several threads.
class Sessions {
 public:
  virtual ~Sessions() = default;
  virtual base::Result<View> Create(const NewSession& wanted) = 0;
  virtual base::Result<View> Read(std::string_view credential) = 0;
  // Moves the expiry on.
  virtual base::Result<View> Touch(std::string_view credential) = 0;
  virtual base::Result<View> ChangeData(std::string_view credential, const Change& change) = 0;
  // Revokes also what is unknown here, as it may be on its way.
  virtual base::Result<Revoked> Revoke(std::string_view credential) = 0;
  virtual base::Result<Revoked> RevokeHandle(const session::Handle& handle) = 0;
  // What verifies tokens, as JWKS; empty where there are none.
  virtual std::string Jwks() const = 0;
  // A new key; kWrongState where there are none. Its id.
  virtual base::Result<std::string> RotateKeys() = 0;
  // No token of that key is valid any more.
  virtual base::Status WithdrawKey(const std::string& kid) = 0;
  // Why this should not be asked now; empty: it is well. Quick: told by what was last seen.
  virtual std::string Sickness() const = 0;
};

}  // namespace leeward::sessions
