#include "base/hmac_key.h"

#include <string>

#include "base/digest_context.h"

namespace leeward::base {

// RFC 2104: the digest of the key's one block and the message, and of its other block and that.
struct HmacSha256Key::Impl {
  DigestContext inner;
  DigestContext outer;
};

HmacSha256Key::HmacSha256Key(std::string_view key) : impl_(std::make_unique<Impl>()) {
  constexpr std::size_t kBlock = 64;
  std::string inner(key.size() > kBlock ? AsView(Sha256(key)) : key);
  inner.resize(kBlock, '\0');
  std::string outer = inner;
  for (char& c : inner) c = static_cast<char>(c ^ 0x36);
  for (char& c : outer) c = static_cast<char>(c ^ 0x5C);
  impl_->inner.Begin();
  impl_->inner.Add(inner);
  impl_->outer.Begin();
  impl_->outer.Add(outer);
}

HmacSha256Key::~HmacSha256Key() = default;
HmacSha256Key::HmacSha256Key(HmacSha256Key&&) noexcept = default;
HmacSha256Key& HmacSha256Key::operator=(HmacSha256Key&&) noexcept = default;

Sha256Digest HmacSha256Key::Sign(std::string_view message) const {
  static thread_local const DigestContext context;
  context.BeginFrom(impl_->inner);
  context.Add(message);
  const Sha256Digest digest = context.End();
  context.BeginFrom(impl_->outer);
  context.Add(AsView(digest));
  return context.End();
}

}  // namespace leeward::base
