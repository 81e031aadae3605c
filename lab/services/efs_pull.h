// One walk over a tree of another Region: the destination asks the source's Region for what is in
// its directories, compares, and asks for the files that differ. All of it are calls between
// Regions, so that the lab's network carries, delays, cuts and darkens them.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "lab/services/efs_tree.h"
#include "lab/services/flow.h"

namespace leeward::lab::efs {

struct PullLimits {
  base::Duration call{10'000'000'000};  // to the source
  std::size_t directories = 256;        // of one request
  std::size_t entries = 5000;           // of one answer
  std::size_t files = 256;              // of one request
  std::size_t bytes = 1 << 20;          // of one answer
  int changing = 5;                     // attempts at a file that changes while it is read
};

// How files and directories travel. Names are percent-encoded: they may be any bytes.
shapes::Value ToValue(const Entry& entry);
base::Result<Entry> EntryOf(const shapes::Value& value);

// One walk over a source, wherever it is: brings what differs.
class Pull {
 public:
  struct Order {
    std::string region;                                   // of the source
    std::string service;                                  // that answers there
    shapes::Value ask;                                    // goes with every request
    std::function<bool(const std::string& path)> wanted;  // null: everything
    std::function<bool(const std::string& path)> leads;   // a directory, to something wanted
    std::function<base::Status()> allowed;                // asked before every write; null: yes
    std::int64_t bytes_per_second = 0;                    // 0: as fast as it goes
    enum class Remember { kNothing, kBrought, kAll } remember = Remember::kNothing;
  };
  struct Outcome {
    base::Status status;
    std::vector<std::string> files;  // that were to be remembered
    std::int64_t listed = 0;         // files and links, of those that are wanted
  };
  Pull(Host& host, const PullLimits& limits, Order order, std::shared_ptr<TreeCopy> copy)
      : host_(host), limits_(limits), order_(std::move(order)), copy_(std::move(copy)) {}
  // To be held until it ends. Ends early, with kCancelled, after Cancel().
  Flow<Outcome> Run();
  // Nothing is written any more once `idle` has run, which may be at once.
  void Cancel(std::function<void()> idle);
  // So far.
  std::int64_t listed() const { return outcome_.listed; }

 private:
  struct Directory {
    std::string path;
    std::vector<Entry> told;  // so far
  };
  struct Seen {
    std::string path;
    Entry entry;
  };
  struct File {
    std::string path;
    Entry entry;
    std::int64_t offset = 0;
    int changes = 0;
    std::int64_t end = 0;  // where one that changes all the time is left off
  };
  Flow<base::Status> Directories();
  Flow<base::Status> Files();
  Flow<base::Status> End();
  Flow<base::Result<shapes::Value>> Ask(std::string operation, shapes::Value input);
  // On a worker thread, unless all is cancelled.
  Flow<base::Status> Work(std::function<base::Status()> work);
  base::Status TakeListings(const shapes::Value& answer);
  base::Status TakeListing(const shapes::Value& listing);
  base::Status TakePieces(const shapes::Value& answer);
  base::Result<bool> TakePiece(File& file, const shapes::Value& told);
  void Again(File& file);
  void Remember(std::string path, const Entry& entry);

  Host& host_;
  PullLimits limits_;
  Order order_;
  std::shared_ptr<TreeCopy> copy_;
  Outcome outcome_;
  bool cancelled_ = false;
  bool working_ = false;
  std::function<void()> idle_;
  std::deque<Directory> directories_;
  std::deque<File> files_;
  std::vector<Seen> seen_;  // directories, in the order in which they were met
  std::int64_t moved_ = 0;  // bytes, since the last pause for the rate
};

struct ServedTree {
  std::filesystem::path root;
  std::string inside;  // a directory in it; "" for all of it
};
// Answers "ListTree", "ReadTree" and "SumTree" about a tree.
bool ServeTree(Host& host, const PullLimits& limits, const ServedTree& tree,
               std::string_view operation, const shapes::Value& input, const Reply& reply);

}  // namespace leeward::lab::efs
