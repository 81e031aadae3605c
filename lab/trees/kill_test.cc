// A copy that is killed, and goes on.
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <vector>

#include "lab/trees/testing.h"
#include "os/environment.h"

namespace leeward::lab::trees {
namespace {

using testing::Read;
using testing::Tree;
using testing::World;
using testing::Write;
namespace fs = std::filesystem;

constexpr std::size_t kLargeContent = 300'000;

// Content says which version of which file it is, so a part or a mixture shows.
std::string Content(const std::string& name, int version, std::size_t size) {
  std::string text;
  while (text.size() < size) text += name + "#" + std::to_string(version) + ";";
  return text;
}

// For a longer run: each is some more changes to be killed before.
int FurtherFiles() {
  const std::string wanted = os::Environment("LEEWARD_TREE_KILL_FILES").value_or("0");
  int files = -1;
  std::from_chars(wanted.data(), wanted.data() + wanted.size(), files);
  EXPECT_GE(files, 0) << wanted;
  return files;
}

void FillVersion(const fs::path& root, int version) {
  for (const char* directory : {"d", "d/e", version == 1 ? "old" : "new"})
    fs::create_directories(root / directory);
  for (const char* name : {"a", "d/b", "d/e/c"}) Write(root / name, Content(name, version, 50));
  Write(root / "large", Content("large", version, kLargeContent));
  Write(root / (version == 1 ? "old/x" : "new/x"), Content("x", version, 50));
  for (int i = 0; i < FurtherFiles(); ++i)
    Write(root / "d" / std::to_string(i), Content("x", version, 50));
  if (version == 1) {
    fs::create_symlink("first", root / "kind");
    return;
  }
  fs::remove_all(root / "old");
  fs::remove(root / "kind");
  fs::create_directory(root / "kind");
  Write(root / "kind/k", Content("k", version, 50));
  fs::create_hard_link(root / "a", root / "d/linked");
}

// What a file of either version may hold.
std::set<std::string> WholeContents() {
  std::set<std::string> whole;
  for (const int version : {1, 2}) {
    for (const char* name : {"a", "d/b", "d/e/c", "x", "k"})
      whole.insert(Content(name, version, 50));
    whole.insert(Content("large", version, kLargeContent));
  }
  return whole;
}

void ExpectOnlyWholeFiles(const fs::path& root) {
  static const std::set<std::string> whole = WholeContents();
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (!entry.is_regular_file()) continue;
    EXPECT_TRUE(whole.contains(Read(entry.path()))) << entry.path();
  }
}

void RunInTheChild(const Places& places, const Options& options) {
  os::SystemClock clock;
  auto replica = Replica::Open(places, options, clock);
  if (!replica.ok()) ::_exit(2);
  (*replica)->Begin();
  while ((*replica)->Step() == Turn::kMore) {
  }
  ::_exit(0);
}

// A whole life of a held copy: all is taken from the destination, copied, and given back.
base::Status LiveHeld(const Places& places, const Options& options) {
  os::SystemClock clock;
  ASSIGN_OR_RETURN(const auto withheld, Withheld::Open(places.work + ".held"));
  RETURN_IF_ERROR(withheld->Hold(places.destination));
  {
    ASSIGN_OR_RETURN(const auto replica,
                     Replica::Open(places, options, clock, {.withheld = withheld.get()}));
    replica->Begin();
    while (replica->Step() == Turn::kMore) {
    }
    if (!replica->round().complete) return base::WrongState("not complete");
  }
  return withheld->Release(places.destination);
}

void LiveHeldInTheChild(const Places& places, const Options& options) {
  ::_exit(LiveHeld(places, options).ok() ? 0 : 2);
}

// The calls by which a copy changes a file system. A kill between two others leaves what the kill
// before the next of these leaves.
constexpr std::array kChangingCalls = {
    SYS_write,     SYS_pwrite64,  SYS_copy_file_range, SYS_ioctl,   SYS_ftruncate,
    SYS_renameat,  SYS_renameat2, SYS_unlinkat,        SYS_mkdirat, SYS_linkat,
    SYS_symlinkat, SYS_fchmod,    SYS_fchmodat,        SYS_fchown,  SYS_fchownat,
    SYS_utimensat, SYS_fsetxattr, SYS_fremovexattr,
#ifdef SYS_mkdir  // not every machine has the older ones
    SYS_mkdir,     SYS_chmod,
#endif
};

// From here on this process stops for its tracer before each of them, and before one that opens a
// file which it may make or cut.
void StopBeforeChanges() {
  const auto load = [](std::size_t offset) {
    return sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
  };
  constexpr sock_filter kStop BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
  constexpr sock_filter kGoOn BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  std::vector<sock_filter> program = {load(offsetof(seccomp_data, nr))};
  for (const long call : kChangingCalls) {
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0, 1));
    program.push_back(kStop);
  }
  program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 3));
  program.push_back(load(offsetof(seccomp_data, args) + 2 * sizeof(std::uint64_t)));
  program.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_CREAT | O_TRUNC, 0, 1));
  program.push_back(kStop);
  program.push_back(kGoOn);
  const sock_fprog filter = {static_cast<std::uint16_t>(program.size()), program.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
    ::_exit(3);
}

// Runs a copy in a process that is killed before its change of this number. False when it ended
// before.
bool KillAtChange(int number, const Places& places, const Options& options,
                  void (*run)(const Places&, const Options&) = RunInTheChild) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    ::raise(SIGSTOP);
    StopBeforeChanges();
    run(places, options);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(::ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL),
            0);
  for (int changes = 0;; ++changes) {
    EXPECT_EQ(::ptrace(PTRACE_CONT, child, nullptr, nullptr), 0);
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    if (!WIFSTOPPED(status)) {
      EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
      return false;
    }
    EXPECT_EQ(status >> 8, SIGTRAP | (PTRACE_EVENT_SECCOMP << 8));
    if (changes == number || ::testing::Test::HasFailure()) {
      ::kill(child, SIGKILL);
      ::waitpid(child, &status, 0);
      return true;
    }
  }
}

// A world whose copy is of the first version while its source is of the second already.
class KilledWorld {
 public:
  KilledWorld() {
    world_.options.resumed_from = kLargeContent / 2;
    world_.options.bytes_a_step = kLargeContent / 3;
    FillVersion(world_.source(), 1);
    world_.Run();
    world_.Close();
    CopyByOtherMeans(world_.destination(), first());
    FillVersion(world_.source(), 2);
    wanted_ = Tree(world_.source());
  }

  World& world() { return world_; }
  void GoOn() {
    world_.Run();
    EXPECT_EQ(Tree(world_.destination()), wanted_);
    world_.ExpectNoLitter();
    world_.Close();
  }
  void Restore() {
    fs::remove_all(world_.destination());
    fs::remove_all(world_.work());
    CopyByOtherMeans(first(), world_.destination());
  }

 private:
  fs::path first() const { return world_.outside() / "first"; }
  static void CopyByOtherMeans(const fs::path& from, const fs::path& to) {
    fs::create_directory(to);
    fs::copy(from, to, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  }

  World world_;
  std::map<std::string, std::string> wanted_;
};

TEST(KillTest, BeforeAnyChangeLeavesWholeFilesAndIsGoneOnFrom) {
  KilledWorld killed;
  World& world = killed.world();
  int kills = 0;
  for (;; ++kills) {
    killed.Restore();
    if (!KillAtChange(kills, world.places(), world.options)) break;
    ExpectOnlyWholeFiles(world.destination());
    killed.GoOn();
    ASSERT_FALSE(HasFailure()) << "killed before change " << kills;
  }
  EXPECT_GT(kills, 60 + 4 * FurtherFiles());
}

TEST(KillTest, BeforeAnyChangeOfAHeldCopyLosesNoPermissions) {
  int kills = 0;
  for (;; ++kills) {
    World world;
    for (const fs::path& root : {world.source(), world.destination()}) {
      fs::create_directories(root / "d");
      for (const auto& [name, mode] :
           {std::pair("plain", 0644), std::pair("shared", 0664), std::pair("d/in", 0440)}) {
        Write(root / name, root == world.source() ? name : "mine alone");
        ASSERT_EQ(::chmod((root / name).c_str(), static_cast<mode_t>(mode)), 0);
      }
      ASSERT_EQ(::chmod((root / "d").c_str(), 02775), 0);
    }
    Write(world.source() / "d/new", "new");
    ASSERT_EQ(::chmod((world.source() / "d/new").c_str(), 0666), 0);
    const auto wanted = Tree(world.source());
    const bool was_killed = KillAtChange(kills, world.places(), world.options, LiveHeldInTheChild);
    const base::Status went_on = LiveHeld(world.places(), world.options);
    EXPECT_TRUE(went_on.ok()) << went_on.error().message();
    EXPECT_EQ(Tree(world.destination()), wanted);
    world.ExpectNoLitter();
    ASSERT_FALSE(HasFailure()) << "killed before change " << kills;
    if (!was_killed) break;
  }
  EXPECT_GT(kills, 40);
}

TEST(KillTest, AFileThatChangedAfterItWasCopiedAndLooksAsBeforeIsReadAgain) {
  World world;
  world.options.entries_a_step = 1;
  const auto write = [&](const char* text) {
    Write(world.source() / "a", text);
    testing::SetTime(world.source() / "a", 500, 0);
  };
  write("one");
  fs::create_directory(world.source() / "d");
  world.replica().Begin();
  while (!fs::exists(world.destination() / "a")) ASSERT_EQ(world.replica().Step(), Turn::kMore);
  world.Close();
  write("two");
  world.Run();
  world.ExpectEqual();
}

class Stopper : public Channel {
 public:
  explicit Stopper(std::uint64_t room) : room_(room) {}
  base::Result<std::uint64_t> Take(std::uint64_t wanted) override {
    if (room_ == 0) ::raise(SIGKILL);
    const std::uint64_t given = std::min(wanted, room_);
    room_ -= given;
    return given;
  }

 private:
  std::uint64_t room_;
};

void CopyUntilKilled(World& world, std::uint64_t room) {
  const pid_t child = ::fork();
  if (child == 0) {
    os::SystemClock clock;
    Stopper stopper(room);
    auto replica = Replica::Open(world.places(), world.options, clock, {.channel = &stopper});
    (*replica)->Begin();
    while ((*replica)->Step() != Turn::kDone) {
    }
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
}

TEST(KillTest, ALargeFileGoesOnFromWhereItWas) {
  World world;
  world.options.resumed_from = kLargeContent;
  Write(world.source() / "large", Content("large", 1, 10 * kLargeContent));
  CopyUntilKilled(world, 8 * kLargeContent);
  EXPECT_TRUE(fs::is_empty(world.destination()));
  const Round& round = world.Run();
  EXPECT_EQ(round.resumed, 1U);
  EXPECT_LT(round.bytes, 3 * kLargeContent);
  world.ExpectEqual();
  world.ExpectNoLitter();
}

TEST(KillTest, ALargeFileThatChangedMeanwhileBeginsAnew) {
  World world;
  world.options.resumed_from = kLargeContent;
  Write(world.source() / "large", Content("large", 1, 10 * kLargeContent));
  CopyUntilKilled(world, 8 * kLargeContent);
  Write(world.source() / "large", Content("large", 2, 10 * kLargeContent));
  const Round& round = world.Run();
  EXPECT_EQ(round.resumed, 0U);
  EXPECT_GE(round.bytes, 10 * kLargeContent);
  world.ExpectEqual();
  world.ExpectNoLitter();
}

}  // namespace
}  // namespace leeward::lab::trees
