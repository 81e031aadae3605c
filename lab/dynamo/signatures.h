// Who signed a request: the usual ones are judged here at the cost of two digests and one HMAC; the
// unusual and the wrong ones by lab/wire, whose verdict it is in every case.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/hmac_key.h"
#include "base/time.h"
#include "lab/core/credentials.h"
#include "lab/core/service.h"
#include "os/http_server.h"

namespace leeward::lab::dynamo {

// The Region that an Authorization header is signed for, without a look at the rest; empty where it
// names none.
std::string_view RegionOfScope(std::string_view authorization);

class SignatureChecker {
 public:
  // `credentials` outlives it. `region`: the only one that requests may be signed for.
  SignatureChecker(const Credentials& credentials, std::string region);

  struct Verdict {
    const Identity* signer = nullptr;  // until the next Check; null: see `error`
    std::optional<ApiError> error;
  };
  Verdict Check(const os::HttpServerRequest& request, base::WallTime now);

  // The usual way alone: the signer, or null where it does not know. For Check, and for tests.
  const Identity* CheckUsual(const os::HttpServerRequest& request, base::WallTime now);
  // The thorough way alone.
  Verdict CheckThoroughly(const os::HttpServerRequest& request, base::WallTime now);

 private:
  struct Key {
    Identity signer;
    base::HmacSha256Key key;
  };
  struct Fields;

  const Key* FindKey(const Fields& fields, base::WallTime now);
  bool TimeIsGood(const Fields& fields, base::WallTime now);
  bool Canonicalise(const os::HttpServerRequest& request, const Fields& fields);

  const Credentials& credentials_;
  std::string region_;
  std::unordered_map<std::string, std::unique_ptr<Key>> keys_;  // by credential and token
  std::string text_;                                            // reused
  std::string key_name_;                                        // reused
  std::string last_date_;  // the x-amz-date read last, and when that is
  base::WallTime last_time_;
  Identity thorough_signer_;
};

}  // namespace leeward::lab::dynamo
