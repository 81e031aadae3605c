// Encrypting and decrypting.
#include <fmt/format.h>

#include "lab/services/kms.h"
#include "lab/services/kms_cipher.h"

namespace leeward::lab::kms {
namespace {

using shapes::Value;

constexpr std::string_view kAlgorithm = "SYMMETRIC_DEFAULT";
constexpr std::int64_t kAes256 = 32;
constexpr std::int64_t kAes128 = 16;

ApiError BadCiphertext() { return {"InvalidCiphertextException", "", 400, {}}; }

// Asked of everything else first.
Problem CheckDryRun(const Value& input) {
  if (!input.Flag("DryRun", false)) return std::nullopt;
  return ApiError{"DryRunOperationException",
                  "The request would have succeeded, but the DryRun option is set.",
                  400,
                  {}};
}

Value BlobOf(std::string bytes) { return Value(shapes::Blob{std::move(bytes)}); }

}  // namespace

Kms::Found Kms::FindUsable(std::string_view name) {
  const Found found = Find(name);
  if (std::holds_alternative<ApiError>(found)) return found;
  if (auto problem = CheckUsable(host_, *std::get<Key*>(found))) return *problem;
  return found;
}

Answer Kms::Encrypt(const Value& input) {
  if (auto problem = CheckCrypto(input)) return *problem;
  const Found found = FindUsable(input.String("KeyId"));
  if (const auto* error = std::get_if<ApiError>(&found)) return *error;
  if (auto problem = CheckDryRun(input)) return *problem;
  const Key& key = *std::get<Key*>(found);
  const Sealing with{key.id, key.material, input.Find("EncryptionContext")};
  return Value::Struct(
      {{"CiphertextBlob", BlobOf(Seal(with, input.Sub("Plaintext").blob().bytes, host_.random()))},
       {"KeyId", ArnOfKey(host_, key.id)},
       {"EncryptionAlgorithm", kAlgorithm}});
}

std::variant<Kms::Opened, ApiError> Kms::OpenBlob(const Value& input, std::string_view key_member,
                                                  std::string_view context_member) {
  if (!input.Has("CiphertextBlob")) {
    return ValidationProblem(
        "1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy "
        "constraint: Member must not be null");
  }
  const std::string& blob = input.Sub("CiphertextBlob").blob().bytes;
  const auto named = KeyNamedBy(blob);
  if (!named) return BadCiphertext();
  if (const std::string_view given = input.String(key_member); !given.empty()) {
    const Found wanted = Find(given);
    if (const auto* error = std::get_if<ApiError>(&wanted)) return *error;
    if (std::get<Key*>(wanted)->id != *named) {
      return ApiError{"IncorrectKeyException",
                      "The key ID in the request does not identify a CMK that can perform this "
                      "operation.",
                      400,
                      {}};
    }
  }
  const auto found = keys_.find(*named);
  if (found == keys_.end()) {
    return ApiError{"AccessDeniedException",
                    "The ciphertext refers to a customer master key that does not exist, does not "
                    "exist in this region, or you are not allowed to access.",
                    400,
                    {}};
  }
  Key& key = found->second;
  if (auto problem = CheckUsable(host_, key)) return *problem;
  auto plaintext = Open({key.id, key.material, input.Find(context_member)}, blob);
  if (!plaintext) return BadCiphertext();
  return Opened{&key, std::move(*plaintext)};
}

Answer Kms::Decrypt(const Value& input) {
  if (auto problem = CheckCrypto(input)) return *problem;
  auto opened = OpenBlob(input, "KeyId", "EncryptionContext");
  if (const auto* error = std::get_if<ApiError>(&opened)) return *error;
  if (auto problem = CheckDryRun(input)) return *problem;
  auto& found = std::get<Opened>(opened);
  return Value::Struct({{"KeyId", ArnOfKey(host_, found.key->id)},
                        {"Plaintext", BlobOf(std::move(found.plaintext))},
                        {"EncryptionAlgorithm", kAlgorithm},
                        {"KeyMaterialId", MaterialId(*found.key)}});
}

Answer Kms::ReEncrypt(const Value& input) {
  if (auto problem = CheckCrypto(input)) return *problem;
  const auto opened = OpenBlob(input, "SourceKeyId", "SourceEncryptionContext");
  if (const auto* error = std::get_if<ApiError>(&opened)) return *error;
  const Found found = FindUsable(input.String("DestinationKeyId"));
  if (const auto* error = std::get_if<ApiError>(&found)) return *error;
  if (auto problem = CheckDryRun(input)) return *problem;
  const Key& source = *std::get<Opened>(opened).key;
  const Key& key = *std::get<Key*>(found);
  const Sealing with{key.id, key.material, input.Find("DestinationEncryptionContext")};
  return Value::Struct(
      {{"CiphertextBlob", BlobOf(Seal(with, std::get<Opened>(opened).plaintext, host_.random()))},
       {"SourceKeyId", ArnOfKey(host_, source.id)},
       {"KeyId", ArnOfKey(host_, key.id)},
       {"SourceEncryptionAlgorithm", kAlgorithm},
       {"DestinationEncryptionAlgorithm", kAlgorithm},
       {"SourceKeyMaterialId", MaterialId(source)},
       {"DestinationKeyMaterialId", MaterialId(key)}});
}

Answer Kms::MakeDataKey(const Value& input) {
  if (auto problem = CheckCrypto(input)) return *problem;
  if (input.Has("KeySpec") == input.Has("NumberOfBytes")) {
    return ValidationProblem("Please specify either number of bytes or key spec.");
  }
  const Found found = FindUsable(input.String("KeyId"));
  if (const auto* error = std::get_if<ApiError>(&found)) return *error;
  if (auto problem = CheckDryRun(input)) return *problem;
  const Key& key = *std::get<Key*>(found);
  const std::int64_t of_spec = input.String("KeySpec") == "AES_128" ? kAes128 : kAes256;
  const auto size = static_cast<std::size_t>(input.Int("NumberOfBytes", of_spec));
  std::string data = RandomBytes(host_.random(), size);
  const Sealing with{key.id, key.material, input.Find("EncryptionContext")};
  return Value::Struct({{"CiphertextBlob", BlobOf(Seal(with, data, host_.random()))},
                        {"Plaintext", BlobOf(data)},
                        {"KeyId", ArnOfKey(host_, key.id)},
                        {"KeyMaterialId", MaterialId(key)}});
}

Answer Kms::GenerateDataKey(const Value& input) { return MakeDataKey(input); }

Answer Kms::GenerateDataKeyWithoutPlaintext(const Value& input) {
  Answer answer = MakeDataKey(input);
  if (auto* value = std::get_if<Value>(&answer)) value->Erase("Plaintext");
  return answer;
}

}  // namespace leeward::lab::kms
