// The work of one round: a stack of directories, one of them open, in it one name at a time, of it
// at most one file being read. Each step goes on where the last one stopped.
#pragma once

#include <errno.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lab/trees/beneath.h"
#include "lab/trees/book.h"
#include "lab/trees/channel.h"
#include "lab/trees/content.h"
#include "lab/trees/decide.h"
#include "lab/trees/links.h"
#include "lab/trees/losses.h"
#include "lab/trees/options.h"
#include "lab/trees/replica.h"
#include "lab/trees/round.h"
#include "lab/trees/staging.h"
#include "lab/trees/watcher.h"
#include "lab/trees/withheld.h"

namespace leeward::lab::trees {

// What lasts from round to round.
struct Ground {
  Handle source;
  Handle destination;
  Entry source_root;
  Entry destination_root;
  Options options;
  Channel* channel = nullptr;
  Withheld* withheld = nullptr;
  Losses* losses = nullptr;
  std::unique_ptr<Staging> staging;
  std::unique_ptr<Watcher> on_source;       // null: changes are not followed
  std::unique_ptr<Watcher> on_destination;  // null: nor is what others do there
  Links links;
  Book book;
  std::optional<std::int64_t> stamp;  // the file systems' time when the last complete round began
  // The destination was empty then, and no round has been complete since: what is there was copied
  // after it.
  std::optional<std::int64_t> filled_since;
  std::uint32_t user = 0;  // ours: what we make belongs to it
  std::uint32_t group = 0;
  bool clones = true;          // until the file systems say that they do not share blocks
  bool links_unknown = false;  // a file was met whose other names no walk has looked for
};

// Who says that a name needs a look.
enum class Origin : std::uint8_t {
  kSource,
  kDestination,  // somebody has been at the copy
  kShared,       // it has names outside the tree, under which it may change unseen
};

struct Named {
  std::string name;
  Touch touch = Touch::kMetadata;
  Origin origin = Origin::kSource;
};

enum class Scope : std::uint8_t {
  kTree,    // every name, and into every directory
  kListed,  // every name, and into directories that are new
  kNames,   // the names given
};

struct Task {
  enum class What : std::uint8_t { kVisit, kRemoveRest, kRemoveDirectory, kVerify };
  What what = What::kVisit;
  Scope scope = Scope::kTree;
  Doubt floor = Doubt::kNone;  // of everything in it
  bool fresh = false;          // the copy was made in this round
  bool aside = false;          // there is none in the copy, and it is filled before it comes there
  bool metadata_only = false;  // the directory's own, when its names have had their turn
  bool cleared = false;        // a directory in the way of its one name was taken apart for it
  std::string path;
  std::vector<Named> names;  // sorted; for kListed those that are known to be new directories
};

// A directory that is open on both sides.
struct Visit {
  Task task;
  Handle source;
  Handle destination;
  Entry entry;  // the source's, from before its names were read
  Names from;
  Names to;
  std::size_t next_from = 0;
  std::size_t next_to = 0;
  std::size_t next_named = 0;
  std::string made;                // its copy's name in the work folder, as long as it is there
  std::uint64_t bytes_before = 0;  // of the round, when it was made there
  bool finish_later = false;       // its own metadata has its turn in a task of its own
  std::optional<std::uint32_t> closed_mode;  // the copy's, before it was opened up to write in it
};

// One name in the open directory, as it is dealt with.
struct Spot {
  const char* name = "";
  std::string path;
  const Named* named = nullptr;
  Seen seen;
  Doubt doubt = Doubt::kNone;
};

// One file on its way.
struct Job {
  std::string name;
  std::string path;
  std::string made;
  Entry source;           // when it was opened
  bool in_place = false;  // made under its own name, in a directory that nobody sees yet
  bool over_directory = false;
  bool only_compares = false;
  bool loss_is_told = false;
  int reads = 0;
  Handle from;
  Handle to;
  Handle standing;  // what the copy will replace, while both are compared
  std::optional<ContentCopy> copy;
  std::optional<ContentComparison> comparison;
};

// What an errno says that does not come from a trouble: the name leads to nothing by now.
inline bool Gone(int error) { return error == ENOENT || error == ENOTDIR || error == ELOOP; }

class Worker {
 public:
  Worker(Ground& ground, Round& round) : ground_(ground), round_(round) {}

  void Push(Task task) { tasks_.push_back(std::move(task)); }
  Turn Step();
  // A trouble was met with which the round cannot be complete.
  bool held_back() const { return held_back_; }
  // Nothing at all was looked at: the next round has to walk.
  bool root_missed() const { return root_missed_; }

 private:
  enum class Pace : std::uint8_t { kOn, kWait };

  // worker.cc: tasks, directories, steps.
  Pace Advance();
  void StartTask();
  void StartVisit(Task task);
  bool OpenCopy(Visit& visit);
  void MakeAgain(const std::string& path);
  bool ReadNames(Visit& visit);
  Pace NextName();
  void EndVisit();
  void FinishDirectory(Visit& visit);
  void RemoveRest(const Task& task);
  void RemoveDirectory(const Task& task);
  Pace Pay(std::uint64_t bytes);

  // aside.cc: directories that are filled before they come to their place.
  void MakeDirectoryAside(const Spot& spot);
  void FinishLater();
  bool OpenAside(Visit& visit);
  bool IsFullAside() const;
  bool BringIn();

  // visit.cc: one name.
  void DealWith(Spot& spot, bool may_be_in_source, bool may_be_in_copy);
  bool LookAtBoth(Spot& spot, bool may_be_in_source, bool may_be_in_copy);
  Doubt DoubtOf(const Spot& spot) const;
  Doubt DoubtByTime(const Entry& source) const;
  bool CompareClosely(Spot& spot);
  void Act(Spot& spot);
  void ActOn(Spot& spot, Action action);
  bool KeepWithheld(const Spot& spot, Action action);
  bool TellLoss(const Spot& spot, Action action);
  void Descend(const Spot& spot);
  bool OthersComeFirst(const Spot& spot);
  bool FollowLeader(Spot& spot);
  int Link(const Spot& spot, std::string_view leader);
  void MakeDirectory(const Spot& spot);
  void MakeSymlink(const Spot& spot);
  void FixMetadata(Spot& spot);
  void Remove(const Spot& spot);
  void MakeWay(const Spot& spot);
  void CountReverted(const Spot& spot);

  // take.cc: the content of one file.
  void StartFile(const Spot& spot);
  bool OpenJob();
  int OpenMade();
  void UnmakeJob();
  Pace RunJob();
  void AfterCopy();
  bool GoesOnChanging() const;
  void ReadAgain(Why why);
  void LookForLoss();
  void LossFound(Comparing comparing);
  void PublishJob();
  void DropJob();
  Pace RunCopy();
  void RunComparison();

  // verify.cc: two trees beside each other.
  void VerifyName(Spot& spot, bool may_be_in_source, bool may_be_in_copy);

  // What is made in the open directory's copy; opens it up to us where its permissions do not.
  int Publish(const std::string& made, const char* name, bool over_directory, Kind kind);
  template <typename Do>
  int WithAccess(const Do& act) {
    int error = act();
    if (error != EACCES || !OpenUp()) return error;
    error = act();
    // Where nobody may write, it is open no longer than it has to be.
    if (ground_.withheld != nullptr) CloseAgain();
    return error;
  }
  bool OpenUp();
  void CloseAgain();
  bool MayRemove(const std::string& path);

  void Say(const std::string& path, Why why, std::string text);
  // For an errno of the system.
  void Failed(const std::string& path, std::string_view what, int error);
  void Missed(const Task& task, std::string_view what, int error);
  void Expect(const std::string& path, std::uint32_t mask);
  void LeaveForeignRights(Entry& source) const;
  void Withhold(Entry& source) const;
  int KeepOf(std::uint64_t inode, const Entry& source);
  Entry Mine(Kind kind) const;              // how what we have just made looks
  Entry Wanted(const Entry& source) const;  // with what is not kept as a new file has it

  Ground& ground_;
  Round& round_;
  std::vector<Task> tasks_;
  std::optional<Visit> visit_;
  std::optional<Job> job_;
  std::uint32_t entries_left_ = 0;
  std::uint64_t bytes_left_ = 0;
  std::uint64_t credit_ = 0;  // bytes that may cross already
  bool verifying_ = false;
  bool held_back_ = false;
  bool root_missed_ = false;
};

}  // namespace leeward::lab::trees
