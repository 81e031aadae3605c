#include "aws/secrets.h"

#include <string_view>

#include "base/bytes.h"

namespace leeward::aws {
namespace {

using shapes::Shape;
using shapes::Type;
using shapes::Value;

constexpr std::string_view kHidden = "(hidden)";
// Hiding shorter ones would tear holes into words and numbers. AWS takes no shorter password.
constexpr std::size_t kShortest = 8;
constexpr int kMaxDepth = 64;
constexpr std::string_view kTaskVariable = "KeyValuePair";  // ecs; no trait marks its value

void Gather(const Shape& shape, const Value& value, bool sensitive, int depth, Secrets& found);

// Of a structure or a map. A variable's name is no secret, and helps to find it.
void GatherMembers(const Shape& shape, const Value& value, bool sensitive, int depth,
                   Secrets& found) {
  for (const auto& [name, item] : value.members()) {
    const shapes::Member* member = shape.type == Type::kMap ? shape.value : shape.FindMember(name);
    if (member == nullptr || (shape.name == kTaskVariable && name == "name")) continue;
    Gather(*member->shape, item, sensitive, depth + 1, found);
  }
}

void Gather(const Shape& shape, const Value& value, bool sensitive, int depth, Secrets& found) {
  if (depth > kMaxDepth) return;
  sensitive = sensitive || shape.sensitive || shape.name == kTaskVariable;
  if (value.is_string()) {
    if (sensitive && value.str().size() >= kShortest) found.push_back(value.str());
  } else if (value.is_list() && shape.item != nullptr) {
    for (const Value& item : value.list()) {
      Gather(*shape.item->shape, item, sensitive, depth + 1, found);
    }
  } else if (value.is_members()) {
    GatherMembers(shape, value, sensitive, depth, found);
  }
}

void Hide(std::string& text, const std::string& secret) {
  for (auto at = text.find(secret); at != std::string::npos; at = text.find(secret, at)) {
    text.replace(at, secret.size(), kHidden);
    at += kHidden.size();
  }
}

void HideBothForms(ServiceError& error, const std::string& secret) {
  if (secret.size() < kShortest) return;
  for (const std::string& form : {secret, base::PercentEncode(secret)}) {
    Hide(error.message, form);
    Hide(error.code, form);
  }
}

}  // namespace

Secrets SecretsIn(const shapes::Operation& operation, const Value& input) {
  Secrets found;
  if (operation.input != nullptr) Gather(*operation.input, input, false, 0, found);
  return found;
}

void HideSecrets(ServiceError& error, const Secrets& secrets, const Credentials* credentials) {
  for (const std::string& secret : secrets) HideBothForms(error, secret);
  if (credentials == nullptr) return;
  HideBothForms(error, credentials->secret_access_key);
  HideBothForms(error, credentials->session_token);
}

}  // namespace leeward::aws
