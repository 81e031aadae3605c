#include "guard/fence_hook.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <map>

#include "os/clock.h"

namespace leeward::guard {
namespace {

using namespace std::chrono_literals;

// A program that ends when the test says so.
class FakeProgram : public Program {
 public:
  ProgramEnd Run(const ProgramCall& call, const Cancelled& stopped) override {
    std::unique_lock lock(mutex_);
    calls_.push_back(call);
    while (ends_ < calls_.size() && !stopped()) changed_.wait_for(lock, 1ms);
    if (ends_ >= calls_.size()) return how_;
    ProgramEnd end;
    end.ending = Ending::kStopped;
    return end;
  }
  // Lets the runs up to this one end so.
  void EndUpTo(std::size_t run, const ProgramEnd& how) {
    const std::lock_guard lock(mutex_);
    ends_ = run;
    how_ = how;
    changed_.notify_all();
  }
  std::size_t runs() const {
    const std::lock_guard lock(mutex_);
    return calls_.size();
  }
  std::map<std::string, std::string> EnvironmentOf(std::size_t run) const {
    const std::lock_guard lock(mutex_);
    return {calls_.at(run).environment.begin(), calls_.at(run).environment.end()};
  }
  ProgramCall CallOf(std::size_t run) const {
    const std::lock_guard lock(mutex_);
    return calls_.at(run);
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<ProgramCall> calls_;
  std::size_t ends_ = 0;
  ProgramEnd how_;
};

ProgramEnd Ended(Ending ending, int code = 0, const std::string& output = "") {
  ProgramEnd end;
  end.ending = ending;
  end.code = code;
  end.output = output;
  return end;
}

class FenceHookTest : public testing::Test {
 protected:
  void SetUp() override {
    model::Hook terms{{"/bin/fenced", "--now"}, 5s};
    hook_.emplace(terms, FenceHook::Of{model::ApplicationName("shop"), model::Region("us-east-1")},
                  program_, clock_, [this](const std::string& line) {
                    const std::lock_guard lock(mutex_);
                    log_ += line + "\n";
                  });
  }
  bool Await(const std::function<bool()>& condition) {
    const base::MonotonicTime until = clock_.Monotonic() + 20s;
    while (!condition()) {
      if (clock_.Monotonic() > until) return false;
      ::poll(nullptr, 0, 1);
    }
    return true;
  }
  // One whole run that ends so; what is told of it then.
  HookStatus After(const ProgramEnd& end) {
    const std::size_t run = program_.runs() + 1;
    hook_->Run({4, "the lease was lost"});
    EXPECT_TRUE(Await([&] { return program_.runs() == run; }));
    EXPECT_EQ(hook_->Status().state, HookState::kRunning);
    program_.EndUpTo(run, end);
    EXPECT_TRUE(Await([&] { return hook_->Status().state != HookState::kRunning; }));
    return hook_->Status();
  }
  std::string log() {
    const std::lock_guard lock(mutex_);
    return log_;
  }

  os::SystemClock clock_;
  FakeProgram program_;
  std::mutex mutex_;
  std::string log_;
  std::optional<FenceHook> hook_;  // the last: its thread uses the others
};

TEST_F(FenceHookTest, TheProgramIsToldWhatWasFencedAndNothingElse) {
  EXPECT_EQ(hook_->Status().state, HookState::kIdle);
  After(Ended(Ending::kExited));
  const ProgramCall call = program_.CallOf(0);
  EXPECT_EQ(call.argv, (std::vector<std::string>{"/bin/fenced", "--now"}));
  EXPECT_EQ(call.within, 5s);
  const std::map<std::string, std::string> expected = {
      {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
      {"LEEWARD_APPLICATION", "shop"},
      {"LEEWARD_REGION", "us-east-1"},
      {"LEEWARD_EPOCH", "4"},
      {"LEEWARD_REASON", "the lease was lost"}};
  EXPECT_EQ(program_.EnvironmentOf(0), expected);
}

TEST_F(FenceHookTest, AGuardThatHasJustBegunKnowsNoEpoch) {
  hook_->Run({std::nullopt, "a guard that starts"});
  ASSERT_TRUE(Await([&] { return program_.runs() == 1; }));
  EXPECT_EQ(program_.EnvironmentOf(0).at("LEEWARD_EPOCH"), "");
  program_.EndUpTo(1, Ended(Ending::kExited));
}

TEST_F(FenceHookTest, HowItEndedIsTold) {
  HookStatus status = After(Ended(Ending::kExited, 0, "all is closed"));
  EXPECT_EQ(status.state, HookState::kDone);
  EXPECT_EQ(status.failures, 0u);
  status = After(Ended(Ending::kExited, 3, "cannot reach the balancer"));
  EXPECT_EQ(status.state, HookState::kFailed);
  EXPECT_EQ(status.detail, "exit code 3") << "what it said is for the log alone";
  EXPECT_EQ(After(Ended(Ending::kSignalled, 11)).detail, "ended by signal 11");
  status = After(Ended(Ending::kTimedOut));
  EXPECT_EQ(status.state, HookState::kTimedOut);
  EXPECT_EQ(status.detail, "did not end within 5s and was ended");
  ProgramEnd missing;
  missing.trouble = "cannot start /bin/fenced: No such file or directory";
  EXPECT_EQ(After(missing).detail, missing.trouble);
  EXPECT_EQ(hook_->Status().runs, 5u);
  EXPECT_EQ(hook_->Status().failures, 4u);
  hook_.reset();  // all of it is told by then
  for (const char* told :
       {"hook /bin/fenced begins: the lease was lost\n", "it said: all is closed\n",
        "failed: exit code 3", "it said: cannot reach the balancer\n", "failed: did not end"}) {
    EXPECT_NE(log().find(told), std::string::npos) << told << log();
  }
}

TEST_F(FenceHookTest, NobodyWaitsForItAndFencesThatComeMeanwhileShareTheNextRun) {
  hook_->Run({1, "first"});
  ASSERT_TRUE(Await([&] { return program_.runs() == 1; }));
  hook_->Run({2, "second"});
  hook_->Run({3, "third"});
  program_.EndUpTo(2, Ended(Ending::kExited));
  ASSERT_TRUE(Await(
      [&] { return hook_->Status().runs == 2 && hook_->Status().state == HookState::kDone; }));
  EXPECT_EQ(program_.EnvironmentOf(1).at("LEEWARD_REASON"), "third");
  EXPECT_EQ(program_.runs(), 2u);
}

TEST_F(FenceHookTest, AGuardThatEndsEndsIt) {
  hook_->Run({1, "first"});
  ASSERT_TRUE(Await([&] { return program_.runs() == 1; }));
  hook_.reset();
  EXPECT_NE(log().find("ended with the guard"), std::string::npos) << log();
}

}  // namespace
}  // namespace leeward::guard
