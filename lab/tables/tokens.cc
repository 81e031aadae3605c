#include "lab/tables/tokens.h"

#include "base/bytes.h"
#include "lab/tables/layout.h"

namespace leeward::lab::tables {
namespace {

// By token, and by time for what is too old.
std::string ByToken(std::string_view token) { return "k" + std::string(token); }
std::string ByTime(base::WallTime when, std::string_view token) {
  std::string key = "l";
  AppendBig64(static_cast<std::uint64_t>(when.since_epoch.count()), key);
  key += token;
  return key;
}
constexpr std::size_t kTimePrefix = 9;
constexpr int kForgotten = 4;  // with each one that is remembered

}  // namespace

Outcome<bool> IsRepeated(const Core& core, std::string_view token, std::string_view text) {
  Pinned value;
  const auto read = core.store->Get(Space::kMeta, ByToken(token), value);
  if (!read.ok()) return Broken(read.error());
  if (!*read) return false;
  const base::WallTime when{base::Duration(static_cast<std::int64_t>(ReadBig64(value.bytes())))};
  if (core.Now() - when > kTokenLife) return false;
  if (value.bytes().substr(8) == base::AsView(base::Sha256(text))) return true;
  return ApiError{"IdempotentParameterMismatchException",
                  "The provided client token has already been used with another request",
                  400,
                  {}};
}

void Remember(const Core& core, std::string_view token, std::string_view text, Batch& batch) {
  std::string value;
  AppendBig64(static_cast<std::uint64_t>(core.Now().since_epoch.count()), value);
  value += base::AsView(base::Sha256(text));
  batch.Put(Space::kMeta, ByToken(token), value);
  batch.Put(Space::kMeta, ByTime(core.Now(), token), "");
  Walk old = core.store->Range(Space::kMeta, "l", ByTime(core.Now() - kTokenLife, ""));
  old.SeekFirst();
  for (int i = 0; i < kForgotten && old.Valid(); ++i, old.Next()) {
    batch.Delete(Space::kMeta, old.key());
    const std::string_view old_token = old.key().substr(kTimePrefix);
    // It may have been used again since.
    Pinned newer;
    const auto read = core.store->Get(Space::kMeta, ByToken(old_token), newer);
    const bool same = read.ok() && *read && newer.bytes().substr(0, 8) == old.key().substr(1, 8);
    if (same && old_token != token) batch.Delete(Space::kMeta, ByToken(old_token));
  }
}

}  // namespace leeward::lab::tables
