// What Encrypt makes, and how it is opened: AES-256 in Galois counter mode under the key's own
// material, with the key's name and the encryption context as authenticated data.
//
// A ciphertext is the byte 1, the length of the key's id and the id, a nonce of 12 bytes, a tag of
// 16 bytes and the encrypted bytes. It names no Region, so that every Region of a multi-Region key
// opens it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ports/random.h"
#include "shapes/value.h"

namespace leeward::lab::kms {

struct Sealing {
  std::string_view key_id;
  std::string_view material;               // 32 bytes
  const shapes::Value* context = nullptr;  // the map; null: none
};

std::string Seal(const Sealing& with, std::string_view plaintext, ports::Random& random);
// The id of the key that made it; nothing for what is no ciphertext of this form.
std::optional<std::string> KeyNamedBy(std::string_view ciphertext);
// Nothing when the bytes, the key or the context are not those it was made with.
std::optional<std::string> Open(const Sealing& with, std::string_view ciphertext);

std::string RandomBytes(ports::Random& random, std::size_t count);

}  // namespace leeward::lab::kms
