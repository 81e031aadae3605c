#include "session/seal.h"

#include <openssl/evp.h>

#include <memory>

#include "base/check.h"
#include "session/base64url.h"

namespace leeward::session {
namespace {

constexpr std::size_t kTag = 16;  // bytes
constexpr std::size_t kMostSealed = 4096;

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* it) const { EVP_CIPHER_CTX_free(it); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* Bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }
int Size(std::string_view text) { return static_cast<int>(text.size()); }

}  // namespace

std::string Seal(std::string_view key, std::string_view nonce, std::string_view secret,
                 std::string_view about) {
  CHECK(key.size() == kSealKeyBytes && nonce.size() == kNonceBytes);
  const Context context(EVP_CIPHER_CTX_new());
  int length = 0;
  std::string cipher(secret.size(), '\0'), tag(kTag, '\0');
  CHECK(EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, Bytes(key), Bytes(nonce)) ==
        1);
  CHECK(EVP_EncryptUpdate(context.get(), nullptr, &length, Bytes(about), Size(about)) == 1);
  CHECK(EVP_EncryptUpdate(context.get(), Bytes(cipher), &length, Bytes(secret), Size(secret)) == 1);
  CHECK(EVP_EncryptFinal_ex(context.get(), nullptr, &length) == 1);
  CHECK(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTag, tag.data()) == 1);
  return Base64Url(std::string(nonce) + cipher + tag);
}

base::Result<std::string> Unseal(std::string_view key, std::string_view sealed,
                                 std::string_view about) {
  CHECK(key.size() == kSealKeyBytes);
  const base::Error wrong = base::Denied(
      "it was sealed with another secret, or changed since: give every service of the "
      "application the same secret");
  if (sealed.size() > kMostSealed) return wrong;
  const auto bytes = Base64UrlDecode(sealed);
  if (!bytes.ok() || bytes->size() < kNonceBytes + kTag) return wrong;
  const std::string_view nonce = std::string_view(*bytes).substr(0, kNonceBytes);
  std::string_view cipher = std::string_view(*bytes).substr(kNonceBytes);
  std::string tag(cipher.substr(cipher.size() - kTag));
  cipher.remove_suffix(kTag);
  const Context context(EVP_CIPHER_CTX_new());
  int length = 0;
  std::string secret(cipher.size(), '\0');
  CHECK(EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, Bytes(key), Bytes(nonce)) ==
        1);
  CHECK(EVP_DecryptUpdate(context.get(), nullptr, &length, Bytes(about), Size(about)) == 1);
  CHECK(EVP_DecryptUpdate(context.get(), Bytes(secret), &length, Bytes(cipher), Size(cipher)) == 1);
  CHECK(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTag, tag.data()) == 1);
  if (EVP_DecryptFinal_ex(context.get(), nullptr, &length) != 1) return wrong;
  return secret;
}

}  // namespace leeward::session
