// The lab's KMS in one Region: symmetric keys with real material, their aliases, and this Region's
// side of multi-Region keys (kms_regions.cc).
//
// Material leaves the process in two ways only: to the state file, which its owner alone can read,
// and to the Region a key is replicated to.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "lab/core/service.h"
#include "lab/services/dispatch.h"
#include "lab/services/flow.h"
#include "lab/services/keys.h"
#include "lab/services/kms_checks.h"
#include "lab/services/kms_key.h"

namespace leeward::lab::kms {

struct Limits {
  std::size_t keys = 100'000;          // as the quota of an account
  std::size_t aliases = 100'000;       // of all keys
  base::Duration call{3'000'000'000};  // to another Region's KMS
  base::Duration tell{1'000'000'000};  // between attempts to tell it what it does not know yet
};

class Kms : public Service, public Keys {
 public:
  explicit Kms(Host& host) : host_(host) {}

  std::string_view name() const override { return "kms"; }
  std::vector<std::string_view> operations() const override { return OperationNames(Table()); }
  void Handle(const Call& call, Reply reply) override;
  base::Status Start() override;
  void HandleInternal(std::string_view operation, const shapes::Value& input, Reply reply) override;

  std::optional<KeySeen> See(std::string_view key) const override;
  std::vector<KeyNamed> All() const override;

  Limits limits;

 private:
  using Value = shapes::Value;
  using Found = std::variant<Key*, ApiError>;
  struct Opened {
    Key* key = nullptr;
    std::string plaintext;
  };
  static std::span<const OperationRow<Kms>> Table();
  static std::span<const OperationRow<Kms>> InternalTable();

  // kms_keys.cc
  Answer CreateKey(const Value& input);
  Answer DescribeKey(const Value& input);
  Answer ListKeys(const Value& input);
  Answer EnableKey(const Value& input);
  Answer DisableKey(const Value& input);
  Answer ScheduleKeyDeletion(const Value& input);
  Answer CancelKeyDeletion(const Value& input);
  Answer GetKeyPolicy(const Value& input);
  Answer PutKeyPolicy(const Value& input);
  Answer ListKeyPolicies(const Value& input);
  Answer ListResourceTags(const Value& input);
  Answer TagResource(const Value& input);
  Answer UntagResource(const Value& input);
  Answer SetEnabled(const Value& input, State state);

  // kms_aliases.cc
  Answer CreateAlias(const Value& input);
  Answer UpdateAlias(const Value& input);
  Answer DeleteAlias(const Value& input);
  Answer ListAliases(const Value& input);

  // kms_crypto.cc
  Answer Encrypt(const Value& input);
  Answer Decrypt(const Value& input);
  Answer ReEncrypt(const Value& input);
  Answer GenerateDataKey(const Value& input);
  Answer GenerateDataKeyWithoutPlaintext(const Value& input);
  Found FindUsable(std::string_view name);
  std::variant<Opened, ApiError> OpenBlob(const Value& input, std::string_view key_member,
                                          std::string_view context_member);
  Answer MakeDataKey(const Value& input);

  // kms_regions.cc
  void ReplicateKey(const Value& input, Reply reply);
  Flow<> RunReplicate(std::string id, Value ask, std::string region, Reply reply);
  Answer UpdatePrimaryRegion(const Value& input);
  Flow<> MovePrimary(std::string id);
  Answer TakeKey(const Value& input);
  Answer BecomePrimary(const Value& input);
  Answer KnowFamily(const Value& input);
  void Adopt(Key& key, const Family& family);
  void Leave(Key& key, std::string_view region);
  void TellFamily(const Key& key);
  Flow<> Tell(std::string id, std::string region);
  void Heard(const std::string& id, const std::string& region, const std::string& stamp,
             const Answer& answer);
  Flow<> TellForever();
  Flow<> TellLeft(std::string id, std::string region);
  void PurgeDue();
  void BeginWindow(Key& key);

  // kms.cc
  // By id, ARN, alias or alias ARN, in this Region.
  Found Find(std::string_view name);
  // The same, but for keys that AWS manages, which nobody else changes.
  Found FindOwn(std::string_view name);
  void MakeManagedKeys();
  std::string NewId(std::string_view prefix);
  std::string ArnOfAlias(std::string_view alias) const;
  void Save();
  void TellKeepers();  // the services that keep keys beside them

  Host& host_;
  std::map<std::string, Key, std::less<>> keys_;       // by id
  std::map<std::string, Alias, std::less<>> aliases_;  // by name
  // Regions that have not been told yet that this one's replica is gone.
  std::vector<std::pair<std::string, std::string>> left_;  // key id, primary's Region

  // Not saved.
  std::map<std::string, std::string, std::less<>> told_;  // "id region": what it knows
  std::set<std::string, std::less<>> telling_;            // "id region"
  std::set<std::string, std::less<>> moving_;             // ids
};

}  // namespace leeward::lab::kms

namespace leeward::lab {
std::unique_ptr<Service> MakeKms(Host& host);
}
