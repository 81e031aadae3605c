// HMAC-SHA-256 for one key and many messages: what depends on the key alone is done once.
#pragma once

#include <memory>
#include <string_view>

#include "base/bytes.h"

namespace leeward::base {

class HmacSha256Key {
 public:
  explicit HmacSha256Key(std::string_view key);
  ~HmacSha256Key();
  HmacSha256Key(HmacSha256Key&&) noexcept;
  HmacSha256Key& operator=(HmacSha256Key&&) noexcept;
  // As HmacSha256 with that key.
  Sha256Digest Sign(std::string_view message) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace leeward::base
