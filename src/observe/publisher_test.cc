#include "observe/publisher.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>

#include "model/testing/shop.h"
#include "observe/reader.h"
#include "os/clock.h"

namespace leeward::observe {
namespace {

using namespace std::chrono_literals;

const model::Region kFrom("eu-west-1");
const model::Target kTarget{model::Region("us-east-1"), model::Signal::kStore,
                            model::ComponentName("orders")};

// A store in memory; can lose the answer of a put that happened.
class MemoryStore : public ports::SharedStore {
 public:
  std::atomic<bool> lose_next_answer{false};

  base::Result<std::optional<ports::SharedEntry>> Get(std::string_view key,
                                                      base::MonotonicTime) override {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(std::string(key));
    if (found == entries_.end()) return std::optional<ports::SharedEntry>();
    return std::optional(found->second);
  }
  base::Result<std::uint64_t> Put(std::string_view key, std::string_view value,
                                  std::uint64_t expected, base::MonotonicTime) override {
    const std::lock_guard lock(mutex_);
    ports::SharedEntry& entry = entries_[std::string(key)];
    if (entry.revision != expected) return base::WrongState("moved");
    entry = {std::string(key), std::string(value), ++revision_};
    if (lose_next_answer.exchange(false)) return base::Unreachable("no answer");
    return entry.revision;
  }
  base::Result<std::vector<ports::SharedEntry>> List(std::string_view prefix, std::size_t,
                                                     base::MonotonicTime) override {
    const std::lock_guard lock(mutex_);
    std::vector<ports::SharedEntry> found;
    for (const auto& [key, entry] : entries_) {
      if (key.starts_with(prefix)) found.push_back(entry);
    }
    return found;
  }
  base::Status Remove(std::string_view, std::uint64_t, base::MonotonicTime) override {
    return base::Unreachable("not asked here");
  }

 private:
  std::mutex mutex_;
  std::map<std::string, ports::SharedEntry> entries_;
  std::uint64_t revision_ = 0;
};

class PublisherTest : public testing::Test {
 protected:
  PublisherTest() { shop_.detection.probe_every = shop_.detection.probe_timeout = 100ms; }

  std::unique_ptr<Publisher> Start(const std::string& who) {
    return std::make_unique<Publisher>(shop_, PublisherOptions{kFrom, who}, store_, clock_,
                                       PublisherSink{nullptr, [this](const std::string& trouble) {
                                                       const std::lock_guard lock(mutex_);
                                                       if (!trouble.empty())
                                                         troubles_.push_back(trouble);
                                                     }});
  }
  // Feeds each of them and waits until the condition holds.
  template <typename Condition>
  bool Await(const std::vector<Publisher*>& publishers, Condition condition) {
    const base::MonotonicTime until = clock_.Monotonic() + 20s;
    while (!condition()) {
      if (clock_.Monotonic() > until) return false;
      for (Publisher* publisher : publishers) publisher->Take(Seen());
      std::mutex mutex;
      std::unique_lock lock(mutex);
      std::condition_variable never;
      never.wait_for(lock, 20ms);
    }
    return true;
  }
  model::Observation Seen() {
    model::Observation seen;
    seen.observer = model::ObserverId("observer");
    seen.from = kFrom;
    seen.target = kTarget;
    seen.sequence = ++probes_;
    seen.at = clock_.Now();
    seen.seen = model::Seen::kGood;
    return seen;
  }
  std::optional<View> Published() {
    const auto entry = store_.Get(Key(shop_.name, kFrom), {});
    CHECK(entry.ok());
    if (!*entry) return std::nullopt;
    auto view = ViewFromJson((*entry)->value);
    CHECK(view.ok());
    return *view;
  }
  std::function<bool()> PublishedBy(const std::string& who, std::uint64_t after = 0) {
    return [this, who, after] {
      const auto view = Published();
      return view && view->who == who && view->sequence > after;
    };
  }

  model::Application shop_ = model::testing::Shop();
  os::SystemClock clock_;
  MemoryStore store_;
  std::mutex mutex_;
  std::vector<std::string> troubles_;
  std::uint64_t probes_ = 0;
};

TEST_F(PublisherTest, ASuccessorGoesOnInSequence) {
  auto first = Start("first");
  ASSERT_TRUE(Await({first.get()}, PublishedBy("first")));
  first.reset();
  const std::uint64_t left = Published()->sequence;
  auto second = Start("second");
  EXPECT_TRUE(Await({second.get()}, PublishedBy("second", left)));
}

TEST_F(PublisherTest, ALostAnswerIsReadUpOn) {
  auto one = Start("one");
  ASSERT_TRUE(Await({one.get()}, PublishedBy("one")));
  store_.lose_next_answer = true;
  ASSERT_TRUE(Await({one.get()}, [&] { return !store_.lose_next_answer; }));
  EXPECT_TRUE(Await({one.get()}, PublishedBy("one", Published()->sequence)));
}

TEST_F(PublisherTest, TheOlderOfTwoStandsByUntilTheNewerIsSilent) {
  auto older = Start("older");
  ASSERT_TRUE(Await({older.get()}, PublishedBy("older")));
  auto newer = Start("newer");
  ASSERT_TRUE(Await({older.get(), newer.get()}, PublishedBy("newer")));
  ASSERT_TRUE(Await({older.get(), newer.get()}, [&] {
    const std::lock_guard lock(mutex_);
    return !troubles_.empty() &&
           troubles_.back().find("another observer (newer)") != std::string::npos;
  }));
  const std::uint64_t now = Published()->sequence;
  ASSERT_TRUE(Await({older.get(), newer.get()}, PublishedBy("newer", now + 5)));
  newer.reset();
  EXPECT_TRUE(Await({older.get()}, PublishedBy("older")));
}

TEST_F(PublisherTest, AReaderFindsItFresh) {
  auto one = Start("one");
  Reader reader(shop_, store_, clock_);
  EXPECT_TRUE(Await({one.get()}, [&] {
    EXPECT_TRUE(reader.Poll().ok());
    return reader.Sights().back().standing == Standing::kFresh;
  }));
}

}  // namespace
}  // namespace leeward::observe
