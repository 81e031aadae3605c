// Child processes: started whole, ended whole.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace leeward::os {

struct User {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
};

// The user that engines run as when this process is root: postgres, else nobody. Empty for other
// users.
std::optional<User> UnprivilegedUser();

struct ProcessSpec {
  std::vector<std::string> argv;                                 // argv[0]: absolute path
  std::vector<std::pair<std::string, std::string>> environment;  // all of it; nothing is inherited
  std::string directory = "/";
  std::string input = "/dev/null";  // opened as its standard input
  std::string output;               // appended to, made with mode 0600; empty: /dev/null
  std::optional<User> user;         // run as
  std::vector<int> descriptors;     // become 3, 4, ... in the child; everything else is closed
  int death_signal = SIGKILL;  // sent to the child when the thread that started it ends; 0: none
  enum class Session {
    kShared,
    kOwn
  } session = Session::kShared;  // kOwn: detached from the terminal
};

struct ProcessExit {
  int code = -1;
  int signal = 0;
};

// The path of this program; of the kernel's link to it when the file is gone.
std::string OwnProgram();

// Starts the program in a process group of its own. Fails when the program could not be executed.
base::Result<pid_t> StartProcess(const ProcessSpec& spec);

// The exit of a child, if it has ended; takes it off the process table. Never blocks.
std::optional<ProcessExit> PollExit(pid_t child);

// A descriptor that turns readable when the process ends; -1 when there is no such process.
int OpenPidDescriptor(pid_t process);

// All living descendants, children first. A process that starts children meanwhile may be missed:
// ask again.
std::vector<pid_t> Descendants(pid_t process);

// Sends SIGKILL to `roots` and everything below them until nothing of it is
// left or `limit` has passed, and reaps those that are children of this process.
base::Status KillTrees(const std::vector<pid_t>& roots, base::Duration limit);

// The direct children, zombies too.
std::vector<pid_t> Children(pid_t process);
// Takes every ended child but these off the process table: orphans that were handed to this
// process.
void ReapExcept(const std::set<pid_t>& known);
// Blocks until the child has ended.
void WaitFor(pid_t child);

// Makes orphaned descendants children of this process instead of init's.
void BecomeSubreaper();

}  // namespace leeward::os
