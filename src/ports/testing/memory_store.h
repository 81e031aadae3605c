// A shared store in memory that a test can look into, change, and have lose calls and answers.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ports/shared_store.h"

namespace leeward::ports::testing {

class MemoryStore : public SharedStore {
 public:
  bool away = false;     // no call does anything
  int lost_answers = 0;  // of the next writes, which happen
  int lost_calls = 0;    // of the next writes, which do not
  int writes = 0;        // that happened
  std::map<std::string, SharedEntry, std::less<>> entries;

  base::Result<std::optional<SharedEntry>> Get(std::string_view key, base::MonotonicTime) override {
    const std::lock_guard lock(mutex_);
    if (away) return base::Unreachable("no quorum");
    const auto found = entries.find(key);
    if (found == entries.end()) return std::optional<SharedEntry>();
    return std::optional(found->second);
  }
  base::Result<std::uint64_t> Put(std::string_view key, std::string_view value,
                                  std::uint64_t expected, base::MonotonicTime) override {
    const std::lock_guard lock(mutex_);
    RETURN_IF_ERROR(Reach());
    if (RevisionOf(key) != expected) return base::WrongState("it is at another revision");
    entries[std::string(key)] = {std::string(key), std::string(value), ++revision_};
    RETURN_IF_ERROR(Answer());
    return revision_;
  }
  base::Result<std::vector<SharedEntry>> List(std::string_view prefix, std::size_t limit,
                                              base::MonotonicTime) override {
    const std::lock_guard lock(mutex_);
    if (away) return base::Unreachable("no quorum");
    std::vector<SharedEntry> found;
    for (const auto& [key, entry] : entries) {
      if (found.size() < limit && key.starts_with(prefix)) found.push_back(entry);
    }
    return found;
  }
  base::Status Remove(std::string_view key, std::uint64_t expected, base::MonotonicTime) override {
    const std::lock_guard lock(mutex_);
    RETURN_IF_ERROR(Reach());
    if (expected == kAbsent || RevisionOf(key) != expected)
      return base::WrongState("it is at another revision");
    entries.erase(entries.find(key));
    return Answer();
  }

 private:
  std::uint64_t RevisionOf(std::string_view key) const {
    const auto found = entries.find(key);
    return found == entries.end() ? kAbsent : found->second.revision;
  }
  base::Status Reach() {
    if (!away && lost_calls == 0) return base::Ok();
    if (!away) --lost_calls;
    return base::Unreachable("no quorum");
  }
  base::Status Answer() {
    ++writes;
    if (lost_answers == 0) return base::Ok();
    --lost_answers;
    return base::Unreachable("the answer was lost");
  }

  std::mutex mutex_;
  std::uint64_t revision_ = 0;
};

}  // namespace leeward::ports::testing
