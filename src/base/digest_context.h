// A SHA-256 digest in the making. OpenSSL looks an algorithm up by name each time it is not handed
// one, and a context costs an allocation: both are had once.
#pragma once

#include <openssl/evp.h>

#include <string_view>

#include "base/bytes.h"
#include "base/check.h"

namespace leeward::base {

class DigestContext {
 public:
  DigestContext() : context_(EVP_MD_CTX_new()) { CHECK(context_ != nullptr); }
  DigestContext(const DigestContext&) = delete;
  DigestContext& operator=(const DigestContext&) = delete;
  ~DigestContext() { EVP_MD_CTX_free(context_); }

  void Begin() const {
    static const EVP_MD* const kAlgorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    CHECK(kAlgorithm != nullptr);
    CHECK(EVP_DigestInit_ex2(context_, kAlgorithm, nullptr) == 1);
  }
  // Goes on from where the other one is.
  void BeginFrom(const DigestContext& other) const {
    CHECK(EVP_MD_CTX_copy_ex(context_, other.context_) == 1);
  }
  void Add(std::string_view bytes) const {
    CHECK(EVP_DigestUpdate(context_, bytes.data(), bytes.size()) == 1);
  }
  Sha256Digest End() const {
    Sha256Digest digest{};
    CHECK(EVP_DigestFinal_ex(context_, digest.data(), nullptr) == 1);
    return digest;
  }

 private:
  EVP_MD_CTX* context_;
};

}  // namespace leeward::base
