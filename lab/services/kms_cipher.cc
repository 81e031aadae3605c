#include "lab/services/kms_cipher.h"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "base/check.h"

namespace leeward::lab::kms {
namespace {

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

constexpr char kForm = 1;
constexpr std::size_t kMaterial = 32;
constexpr std::size_t kNonce = 12;
constexpr std::size_t kTag = 16;
constexpr std::size_t kLongestId = 64;

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* Bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

void AddCounted(std::string& out, std::string_view part) {
  std::uint64_t size = part.size();
  for (int i = 0; i < 8; ++i, size >>= 8U) out += static_cast<char>(size & 0xffU);
  out += part;
}

// Entries in any order are one context.
std::string AuthenticatedData(const Sealing& with) {
  std::vector<std::pair<std::string, std::string>> entries;
  if (with.context != nullptr) {
    for (const auto& [name, value] : with.context->members())
      entries.emplace_back(name, value.str());
  }
  std::sort(entries.begin(), entries.end());
  std::string data;
  AddCounted(data, with.key_id);
  for (const auto& [name, value] : entries) {
    AddCounted(data, name);
    AddCounted(data, value);
  }
  return data;
}

struct Parts {
  std::string_view key_id;
  std::string_view nonce;
  std::string_view tag;
  std::string_view body;
};

std::optional<Parts> Split(std::string_view ciphertext) {
  if (ciphertext.size() < 2 || ciphertext[0] != kForm) return std::nullopt;
  const auto id = static_cast<std::size_t>(static_cast<unsigned char>(ciphertext[1]));
  if (id > kLongestId || ciphertext.size() < 2 + id + kNonce + kTag) return std::nullopt;
  Parts parts;
  parts.key_id = ciphertext.substr(2, id);
  parts.nonce = ciphertext.substr(2 + id, kNonce);
  parts.tag = ciphertext.substr(2 + id + kNonce, kTag);
  parts.body = ciphertext.substr(2 + id + kNonce + kTag);
  return parts;
}

}  // namespace

std::string RandomBytes(ports::Random& random, std::size_t count) {
  std::string bytes;
  while (bytes.size() < count) {
    std::uint64_t word = random.Next();
    for (int i = 0; i < 8 && bytes.size() < count; ++i, word >>= 8U) {
      bytes += static_cast<char>(word & 0xffU);
    }
  }
  return bytes;
}

std::string Seal(const Sealing& with, std::string_view plaintext, ports::Random& random) {
  CHECK(with.material.size() == kMaterial && with.key_id.size() <= kLongestId);
  const std::string nonce = RandomBytes(random, kNonce);
  const std::string data = AuthenticatedData(with);
  std::string body(plaintext.size(), '\0');
  std::string tag(kTag, '\0');
  const CipherContext context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  int made = 0;
  CHECK(EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, Bytes(with.material),
                           Bytes(nonce)) == 1);
  CHECK(EVP_EncryptUpdate(context.get(), nullptr, &made, Bytes(data),
                          static_cast<int>(data.size())) == 1);
  CHECK(EVP_EncryptUpdate(context.get(), Bytes(body), &made, Bytes(plaintext),
                          static_cast<int>(plaintext.size())) == 1);
  CHECK(EVP_EncryptFinal_ex(context.get(), Bytes(body) + made, &made) == 1);
  CHECK(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTag, tag.data()) == 1);
  std::string out{kForm, static_cast<char>(with.key_id.size())};
  return out.append(with.key_id) + nonce + tag + body;
}

std::optional<std::string> KeyNamedBy(std::string_view ciphertext) {
  const auto parts = Split(ciphertext);
  if (!parts) return std::nullopt;
  return std::string(parts->key_id);
}

std::optional<std::string> Open(const Sealing& with, std::string_view ciphertext) {
  const auto parts = Split(ciphertext);
  if (!parts || parts->key_id != with.key_id || with.material.size() != kMaterial) {
    return std::nullopt;
  }
  const std::string data = AuthenticatedData(with);
  std::string tag(parts->tag);
  std::string plaintext(parts->body.size(), '\0');
  const CipherContext context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  int made = 0;
  CHECK(EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, Bytes(with.material),
                           Bytes(parts->nonce)) == 1);
  CHECK(EVP_DecryptUpdate(context.get(), nullptr, &made, Bytes(data),
                          static_cast<int>(data.size())) == 1);
  CHECK(EVP_DecryptUpdate(context.get(), Bytes(plaintext), &made, Bytes(parts->body),
                          static_cast<int>(parts->body.size())) == 1);
  CHECK(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTag, tag.data()) == 1);
  if (EVP_DecryptFinal_ex(context.get(), Bytes(plaintext) + made, &made) != 1) return std::nullopt;
  return plaintext;
}

}  // namespace leeward::lab::kms
