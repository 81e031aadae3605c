#include "session/jws.h"

#include <fmt/format.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <array>
#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "base/check.h"
#include "session/base64url.h"

namespace leeward::session {
namespace {

constexpr std::size_t kHalf = 32;  // bytes of a coordinate, and of half a signature
constexpr std::size_t kSignature = 64;
constexpr std::size_t kMaxHeader = 512;  // bytes
constexpr char kCurve[] = "prime256v1";

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* it) const {
    Free(it);
  }
};
using Number = std::unique_ptr<BIGNUM, Freed<BN_clear_free>>;
using Group = std::unique_ptr<EC_GROUP, Freed<EC_GROUP_free>>;
using Point = std::unique_ptr<EC_POINT, Freed<EC_POINT_free>>;
using DerSignature = std::unique_ptr<ECDSA_SIG, Freed<ECDSA_SIG_free>>;
using Digest = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>>;
using Builder = std::unique_ptr<OSSL_PARAM_BLD, Freed<OSSL_PARAM_BLD_free>>;
using Parameters = std::unique_ptr<OSSL_PARAM, Freed<OSSL_PARAM_free>>;
using Key = std::shared_ptr<EVP_PKEY>;

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* Bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

Number NumberOf(std::string_view bytes) {
  return Number(BN_bin2bn(Bytes(bytes), static_cast<int>(bytes.size()), nullptr));
}

std::string Padded(const BIGNUM* number) {
  std::string bytes(kHalf, '\0');
  CHECK(BN_bn2binpad(number, Bytes(bytes), kHalf) == static_cast<int>(kHalf));
  return bytes;
}

base::Error Because(const char* code, const char* what) {
  return base::Denied(what).WithServiceCode(code);
}

Key Ed25519Public(std::string_view x) {
  return {EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, Bytes(x), x.size()),
          EVP_PKEY_free};
}

// An EC key of P-256; without a secret only its public half.
Key P256Key(std::string_view x, std::string_view y, const BIGNUM* secret) {
  const std::string point = "\x04" + std::string(x) + std::string(y);
  const Builder builder(OSSL_PARAM_BLD_new());
  CHECK(builder != nullptr);
  CHECK(OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, kCurve, 0) == 1);
  CHECK(OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                         point.size()) == 1);
  if (secret != nullptr)
    CHECK(OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, secret) == 1);
  const Parameters parameters(OSSL_PARAM_BLD_to_param(builder.get()));
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  CHECK(parameters != nullptr && context != nullptr);
  EVP_PKEY* key = nullptr;
  const int selection = secret != nullptr ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY;
  if (EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, selection, parameters.get()) != 1) {
    return nullptr;
  }
  return {key, EVP_PKEY_free};
}

// The public point of a scalar. kInvalid: zero, or not below the group's order.
base::Result<std::pair<std::string, std::string>> PointOf(const BIGNUM* scalar) {
  const Group group(EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1));
  CHECK(group != nullptr);
  if (BN_is_zero(scalar) || BN_cmp(scalar, EC_GROUP_get0_order(group.get())) >= 0)
    return base::Invalid("these bytes are no key of P-256; draw others");
  const Point point(EC_POINT_new(group.get()));
  const Number x(BN_new()), y(BN_new());
  CHECK(EC_POINT_mul(group.get(), point.get(), scalar, nullptr, nullptr, nullptr) == 1);
  CHECK(EC_POINT_get_affine_coordinates(group.get(), point.get(), x.get(), y.get(), nullptr) == 1);
  return std::pair(Padded(x.get()), Padded(y.get()));
}

// r and s side by side, as JWS has them, from OpenSSL's DER.
std::string RawFromDer(std::string_view der) {
  const unsigned char* begin = Bytes(der);
  const DerSignature signature(d2i_ECDSA_SIG(nullptr, &begin, static_cast<long>(der.size())));
  CHECK(signature != nullptr);
  return Padded(ECDSA_SIG_get0_r(signature.get())) + Padded(ECDSA_SIG_get0_s(signature.get()));
}

std::string DerFromRaw(std::string_view raw) {
  const DerSignature signature(ECDSA_SIG_new());
  CHECK(ECDSA_SIG_set0(signature.get(), NumberOf(raw.substr(0, kHalf)).release(),
                       NumberOf(raw.substr(kHalf)).release()) == 1);
  unsigned char* begin = nullptr;
  const int length = i2d_ECDSA_SIG(signature.get(), &begin);
  CHECK(length > 0);
  std::string der(reinterpret_cast<char*>(begin), static_cast<std::size_t>(length));
  OPENSSL_free(begin);
  return der;
}

const EVP_MD* DigestFor(Algorithm algorithm) {
  return algorithm == Algorithm::kEs256 ? EVP_sha256() : nullptr;
}

// The members that RFC 7638 hashes, in its order.
std::string Members(Algorithm algorithm, const std::string& x, const std::string& y) {
  if (algorithm == Algorithm::kEdDsa)
    return fmt::format(R"("crv":"Ed25519","kty":"OKP","x":"{}")", Base64Url(x));
  return fmt::format(R"("crv":"P-256","kty":"EC","x":"{}","y":"{}")", Base64Url(x), Base64Url(y));
}

struct Header {
  std::string algorithm, kid;
};

base::Result<Header> HeaderFrom(std::string_view text) {
  using Json = nlohmann::json;
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Because("malformed", "the token's header is no JSON object");
  Header header;
  for (const auto& [name, value] : json.items()) {
    if (name != "alg" && name != "kid" && name != "typ")
      return Because("malformed", "the token's header has a member that ours do not have");
    if (!value.is_string())
      return Because("malformed", "the token's header has a value of no text");
    if (name == "alg") header.algorithm = value.get<std::string>();
    if (name == "kid") header.kid = value.get<std::string>();
    if (name == "typ" && value.get<std::string>() != "JWT")
      return Because("malformed", "the token's header says that it is something else");
  }
  return header;
}

}  // namespace

std::string_view Name(Algorithm algorithm) {
  return algorithm == Algorithm::kEdDsa ? "EdDSA" : "ES256";
}

base::Result<Algorithm> AlgorithmOf(std::string_view name) {
  if (name == "EdDSA") return Algorithm::kEdDsa;
  if (name == "ES256") return Algorithm::kEs256;
  return base::Invalid("the algorithms are EdDSA and ES256");
}

VerifyingKey::VerifyingKey(Algorithm algorithm, std::shared_ptr<evp_pkey_st> key, std::string x,
                           std::string y)
    : algorithm_(algorithm), key_(std::move(key)), x_(std::move(x)), y_(std::move(y)) {
  thumbprint_ = Base64Url(base::AsView(base::Sha256("{" + Members(algorithm_, x_, y_) + "}")));
}

base::Result<VerifyingKey> VerifyingKey::FromPoint(Algorithm algorithm, std::string_view x,
                                                   std::string_view y) {
  const bool edwards = algorithm == Algorithm::kEdDsa;
  if (x.size() != kHalf || y.size() != (edwards ? 0 : kHalf))
    return base::Invalid("the key's coordinates are of another length");
  const Key key = edwards ? Ed25519Public(x) : P256Key(x, y, nullptr);
  if (key == nullptr) return base::Invalid("the key is no point of its curve");
  return VerifyingKey(algorithm, key, std::string(x), std::string(y));
}

bool VerifyingKey::Verify(std::string_view message, std::string_view signature) const {
  if (signature.size() != kSignature) return false;
  const std::string encoded =
      algorithm_ == Algorithm::kEs256 ? DerFromRaw(signature) : std::string(signature);
  const Digest digest(EVP_MD_CTX_new());
  CHECK(EVP_DigestVerifyInit(digest.get(), nullptr, DigestFor(algorithm_), nullptr, key_.get()) ==
        1);
  return EVP_DigestVerify(digest.get(), Bytes(encoded), encoded.size(), Bytes(message),
                          message.size()) == 1;
}

std::string VerifyingKey::Jwk() const {
  return fmt::format(R"({{{},"kid":"{}","alg":"{}","use":"sig"}})", Members(algorithm_, x_, y_),
                     thumbprint_, Name(algorithm_));
}

base::Result<SigningKey> SigningKey::FromSecret(Algorithm algorithm, std::string_view secret) {
  if (secret.size() != kSecretBytes) return base::Invalid("a key is made of 32 bytes");
  const std::shared_ptr<std::string> kept(new std::string(secret), [](std::string* old) {
    OPENSSL_cleanse(old->data(), old->size());
    delete old;
  });
  if (algorithm == Algorithm::kEs256) {
    const Number scalar = NumberOf(secret);
    ASSIGN_OR_RETURN(auto point, PointOf(scalar.get()));
    const Key key = P256Key(point.first, point.second, scalar.get());
    CHECK(key != nullptr);
    return SigningKey(VerifyingKey(algorithm, key, point.first, point.second), kept);
  }
  const Key key(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, Bytes(secret), secret.size()),
      EVP_PKEY_free);
  CHECK(key != nullptr);
  std::string x(kHalf, '\0');
  std::size_t length = x.size();
  CHECK(EVP_PKEY_get_raw_public_key(key.get(), Bytes(x), &length) == 1 && length == kHalf);
  return SigningKey(VerifyingKey(algorithm, key, x, ""), kept);
}

std::string SigningKey::Sign(std::string_view message) const {
  constexpr std::size_t kMostDer = 128;
  const Digest digest(EVP_MD_CTX_new());
  CHECK(EVP_DigestSignInit(digest.get(), nullptr, DigestFor(verifying_.algorithm()), nullptr,
                           verifying_.key_.get()) == 1);
  std::string signature(kMostDer, '\0');
  std::size_t length = signature.size();
  CHECK(EVP_DigestSign(digest.get(), Bytes(signature), &length, Bytes(message), message.size()) ==
        1);
  signature.resize(length);
  return verifying_.algorithm() == Algorithm::kEs256 ? RawFromDer(signature) : signature;
}

std::string Assemble(const SigningKey& key, std::string_view header, std::string_view payload) {
  std::string token = Base64Url(header) + "." + Base64Url(payload);
  const std::string signature = key.Sign(token);
  return token + "." + Base64Url(signature);
}

std::string SignCompact(const SigningKey& key, std::string_view payload) {
  return Assemble(key,
                  fmt::format(R"({{"alg":"{}","kid":"{}","typ":"JWT"}})",
                              Name(key.verifying().algorithm()), key.verifying().thumbprint()),
                  payload);
}

base::Result<std::string> VerifyCompact(std::string_view token, const FindKey& find) {
  if (token.size() > kMaxToken) return Because("malformed", "the token is too long");
  const std::size_t first = token.find('.');
  const std::size_t second = first == token.npos ? first : token.find('.', first + 1);
  if (second == token.npos || token.find('.', second + 1) != token.npos)
    return Because("malformed", "a token is three parts with dots between");
  if (first > kMaxHeader) return Because("malformed", "the token's header is too long");
  const auto header_text = Base64UrlDecode(token.substr(0, first));
  auto payload = Base64UrlDecode(token.substr(first + 1, second - first - 1));
  const auto signature = Base64UrlDecode(token.substr(second + 1));
  if (!header_text.ok() || !payload.ok() || !signature.ok())
    return Because("malformed", "a part of the token is not base64url");
  ASSIGN_OR_RETURN(const Header header, HeaderFrom(*header_text));
  if (!AlgorithmOf(header.algorithm).ok())
    return Because("algorithm", "the token's algorithm is none that signs here");
  const VerifyingKey* key = find(header.kid);
  if (key == nullptr) return Because("key", "no key of ours signed the token, or it is too old");
  if (Name(key->algorithm()) != header.algorithm)
    return Because("algorithm", "the token's algorithm is not that of its key");
  if (!key->Verify(token.substr(0, second), *signature))
    return Because("signature", "the token's signature does not match");
  return std::move(*payload);
}

}  // namespace leeward::session
