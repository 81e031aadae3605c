// For tests: KMS as a Region's other services see it, with the keys that the test says.
#pragma once

#include <map>
#include <string>

#include "lab/services/keys.h"

namespace leeward::lab {

class FakeKeys : public Service, public Keys {
 public:
  explicit FakeKeys(Host& host) : host_(host) {}

  std::string_view name() const override { return "kms"; }
  std::vector<std::string_view> operations() const override { return {}; }
  void Handle(const Call&, Reply reply) override {
    reply(ApiError{"NotFoundException", "the test's KMS is asked nothing", 400, {}});
  }
  base::Status Start() override { return base::Ok(); }
  std::optional<KeySeen> See(std::string_view key) const override {
    const auto found = seen_.find(key);
    return found == seen_.end() ? std::nullopt : std::optional(found->second);
  }

  std::vector<KeyNamed> All() const override {
    std::vector<KeyNamed> all;
    for (const auto& [name, seen] : seen_) all.push_back({seen, "", {name}});
    return all;
  }

  // By id, ARN and alias. Its ARN.
  std::string Put(const std::string& id, const std::string& alias, bool usable) {
    const std::string arn = Arn(host_, "kms", "key/" + id);
    for (const std::string& one : {id, arn, alias}) seen_[one] = {arn, usable};
    return arn;
  }

 private:
  Host& host_;
  std::map<std::string, KeySeen, std::less<>> seen_;
};

}  // namespace leeward::lab
