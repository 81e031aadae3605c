// Signatures of tokens: JWS compact (RFC 7515) with EdDSA over Ed25519 (RFC 8037) or ES256
// (RFC 7518), and the keys as JWK (RFC 7517). Nothing here knows what a token says.
//
// The key decides the algorithm. What a token's header claims is only compared with it, so "none",
// HS256 with a public key as its secret, and every other confusion is refused before any signature
// is looked at.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct evp_pkey_st;

namespace leeward::session {

enum class Algorithm { kEdDsa, kEs256 };
std::string_view Name(Algorithm algorithm);  // "EdDSA", "ES256"
base::Result<Algorithm> AlgorithmOf(std::string_view name);

inline constexpr std::size_t kMaxToken = 8192;  // bytes of a compact token
inline constexpr std::size_t kSecretBytes = 32;

// What verifies. Copies share the key.
class VerifyingKey {
 public:
  // Raw big-endian coordinates; `y` is empty for EdDSA. kInvalid: no point of the curve.
  static base::Result<VerifyingKey> FromPoint(Algorithm algorithm, std::string_view x,
                                              std::string_view y);
  bool Verify(std::string_view message, std::string_view signature) const;
  Algorithm algorithm() const { return algorithm_; }
  // RFC 7638, base64url.
  const std::string& thumbprint() const { return thumbprint_; }
  // {"kty":...,"crv":...,"x":...,"kid":thumbprint,"alg":...,"use":"sig"}
  std::string Jwk() const;

 private:
  friend class SigningKey;
  VerifyingKey(Algorithm algorithm, std::shared_ptr<evp_pkey_st> key, std::string x, std::string y);

  Algorithm algorithm_;
  std::shared_ptr<evp_pkey_st> key_;
  std::string x_, y_, thumbprint_;
};

// What signs. Its secret is wiped from memory of ours when the last copy goes.
class SigningKey {
 public:
  // From `kSecretBytes` bytes of chance: the Ed25519 seed, or the P-256 scalar. kInvalid: another
  // length, or (one in 2^32) no scalar of P-256; draw again.
  static base::Result<SigningKey> FromSecret(Algorithm algorithm, std::string_view secret);
  // The signature as JWS has it: 64 bytes.
  std::string Sign(std::string_view message) const;
  const VerifyingKey& verifying() const { return verifying_; }
  const std::string& secret() const { return *secret_; }

 private:
  SigningKey(VerifyingKey verifying, std::shared_ptr<std::string> secret)
      : verifying_(std::move(verifying)), secret_(std::move(secret)) {}

  VerifyingKey verifying_;
  std::shared_ptr<std::string> secret_;
};

// base64url(header).base64url(payload).base64url(signature)
std::string Assemble(const SigningKey& key, std::string_view header, std::string_view payload);
// With the header {"alg":...,"kid":...,"typ":"JWT"}.
std::string SignCompact(const SigningKey& key, std::string_view payload);

// The key of that id, or null. What it points to lives until Verify returns.
using FindKey = std::function<const VerifyingKey*(std::string_view kid)>;
// The payload of a token that one of ours signed. The error's service_code() says which of
// "malformed", "algorithm", "key" and "signature" it was. Header members other than alg, kid and
// typ are refused: keys, certificates and critical extensions are nothing a token may bring along.
base::Result<std::string> VerifyCompact(std::string_view token, const FindKey& find);

}  // namespace leeward::session
