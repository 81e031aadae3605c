#include "guard/child_program.h"

#include <errno.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

#include "base/check.h"
#include "os/clock.h"
#include "os/process.h"

namespace leeward::guard {
namespace {

using namespace std::chrono_literals;

class ChildProgramTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "leeward-hook-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  ProgramEnd Shell(const std::string& script, base::Duration within = 20s,
                   const Cancelled& stopped = {}) {
    ChildProgram program(clock_);
    return program.Run({{"/bin/sh", "-c", script, folder_},
                        {{"PATH", "/usr/bin:/bin"}, {"LEEWARD_EPOCH", "4"}},
                        within},
                       stopped);
  }
  std::string Read(const std::string& name) const {
    std::stringstream text;
    text << std::ifstream(folder_ + "/" + name).rdbuf();
    return text.str();
  }
  // Whether the process whose number is in that file is gone, soon.
  bool IsGone(const std::string& name) {
    const std::string pid = Read(name);
    if (pid.empty()) return false;
    const base::MonotonicTime until = clock_.Monotonic() + 10s;
    while (::kill(std::stoi(pid), 0) == 0 && !IsZombie(std::stoi(pid))) {
      if (clock_.Monotonic() > until) return false;
      ::poll(nullptr, 0, 5);
    }
    return true;
  }
  // One whose new parent has not taken it off the table yet.
  static bool IsZombie(int pid) {
    std::stringstream stat;
    stat << std::ifstream("/proc/" + std::to_string(pid) + "/stat").rdbuf();
    const std::string text = stat.str();
    const auto name_end = text.rfind(')');
    return name_end != std::string::npos && text.substr(name_end, 3) == ") Z";
  }

  os::SystemClock clock_;
  std::string folder_;
};

TEST_F(ChildProgramTest, GetsItsEnvironmentAndNothingOfOurs) {
  ::setenv("LEEWARD_TEST_SECRET", "planted", 1);
  const ProgramEnd end = Shell("env");
  EXPECT_EQ(end.ending, Ending::kExited);
  EXPECT_EQ(end.code, 0);
  EXPECT_NE(end.output.find("LEEWARD_EPOCH=4\n"), std::string::npos) << end.output;
  EXPECT_EQ(end.output.find("planted"), std::string::npos);
}

TEST_F(ChildProgramTest, GetsItsInputWholeAndOtherwiseNone) {
  ChildProgram program(clock_);
  const std::string text(100'000, 'x');
  const ProgramEnd end =
      program.Run({{"/bin/sh", "-c", "wc -c"}, {{"PATH", "/usr/bin:/bin"}}, 20s, text}, {});
  EXPECT_EQ(end.code, 0);
  EXPECT_NE(end.output.find("100000"), std::string::npos) << end.output;
  EXPECT_NE(Shell("wc -c").output.find("0"), std::string::npos);
}

TEST_F(ChildProgramTest, HowItEndedIsKnown) {
  const ProgramEnd failed = Shell("echo not there >&2; exit 3");
  EXPECT_EQ(failed.ending, Ending::kExited);
  EXPECT_EQ(failed.code, 3);
  EXPECT_EQ(failed.output, "not there\n");
  const ProgramEnd killed = Shell("kill -9 $$");
  EXPECT_EQ(killed.ending, Ending::kSignalled);
  EXPECT_EQ(killed.code, SIGKILL);
}

TEST_F(ChildProgramTest, WhatDoesNotExistOrIsNoProgramIsNotStarted) {
  ChildProgram program(clock_);
  for (const std::string& path : {folder_ + "/nothing", folder_}) {
    const ProgramEnd end = program.Run({{path}, {}, 20s}, {});
    EXPECT_EQ(end.ending, Ending::kNotStarted);
    EXPECT_NE(end.trouble.find("cannot start " + path), std::string::npos) << end.trouble;
  }
}

TEST_F(ChildProgramTest, OneThatHangsIsEndedWithAllThatItStarted) {
  const base::MonotonicTime began = clock_.Monotonic();
  // A child in the group, and one that left it for a session of its own.
  const ProgramEnd end = Shell(
      "sleep 100 & echo $! > $0/child; setsid sh -c 'echo $$ > '$0'/apart; sleep 100' & "
      "echo $$ > $0/self; sleep 100",
      1s);
  EXPECT_EQ(end.ending, Ending::kTimedOut);
  EXPECT_EQ(end.trouble, "");
  EXPECT_LT(clock_.Monotonic() - began, 10s);
  for (const char* one : {"self", "child", "apart"}) EXPECT_TRUE(IsGone(one)) << one;
}

TEST_F(ChildProgramTest, WhatIsLeftOfItsGroupEndsWithIt) {
  const base::MonotonicTime began = clock_.Monotonic();
  const ProgramEnd end = Shell("sleep 100 & echo $! > $0/child; echo done");
  EXPECT_EQ(end.ending, Ending::kExited);
  EXPECT_EQ(end.code, 0);
  EXPECT_EQ(end.output, "done\n");
  EXPECT_LT(clock_.Monotonic() - began, 10s) << "who holds its output open is not waited for";
  EXPECT_TRUE(IsGone("child"));
}

TEST_F(ChildProgramTest, MuchOutputIsReadAndItsEndIsKept) {
  const ProgramEnd end = Shell("yes leeward | head -c 3000000; echo; echo the end");
  EXPECT_EQ(end.ending, Ending::kExited);
  EXPECT_LE(end.output.size(), 4096u);
  EXPECT_TRUE(end.output.ends_with("\nthe end\n"));
}

TEST_F(ChildProgramTest, StopsWhenItIsToldTo) {
  const ProgramEnd end =
      Shell("echo $$ > $0/self; sleep 100", 60s, [this] { return !Read("self").empty(); });
  EXPECT_EQ(end.ending, Ending::kStopped);
  EXPECT_TRUE(IsGone("self"));
}

// From now on the kernel gives this process no descriptor of another.
void RefusePidDescriptors() {
  sock_filter rules[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EMFILE),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{std::size(rules), rules};
  CHECK(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  CHECK(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

TEST_F(ChildProgramTest, HowItEndedIsKnownAlsoWhereNoDescriptorOfItIsLeft) {
  const auto run = [this] {
    RefusePidDescriptors();
    CHECK(os::OpenPidDescriptor(::getpid()) < 0);
    const ProgramEnd end = Shell("exit 3", 10s);
    ::_exit(end.ending == Ending::kExited ? end.code : 99);
  };
  EXPECT_EXIT(run(), testing::ExitedWithCode(3), "");
}

}  // namespace
}  // namespace leeward::guard
