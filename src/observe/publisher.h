// Publisher: folds what a watcher sees and keeps the observer's view in the shared store up to
// date.
//
// A Region has one observer. When a newer process publishes for the same Region, this one stands by
// until that one has been silent for a while.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "detect/detect.h"
#include "model/application.h"
#include "model/observation.h"
#include "observe/view.h"
#include "ports/clock.h"
#include "ports/shared_store.h"

namespace leeward::observe {

struct PublisherOptions {
  model::Region from;
  std::string who;  // new at each start
};

// From the publisher's thread; quick.
struct PublisherSink {
  std::function<void(const View&)> published;
  // What keeps views from being published; told once for each change, empty: nothing does.
  std::function<void(const std::string&)> trouble;
};

class Publisher {
 public:
  // Publishes from now on. The application's values are copied, everything else outlives it.
  Publisher(const model::Application& application, PublisherOptions options,
            ports::SharedStore& store, const ports::Clock& clock, PublisherSink sink);
  ~Publisher();
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;

  // From any thread.
  void Take(const model::Observation& seen);

 private:
  void Run();
  void Publish();
  base::Status Send(const View& view);
  // Learns what the key holds. False: another process speaks for this Region.
  base::Result<bool> Learn(base::MonotonicTime deadline);
  View Compose();
  bool WaitForNews();
  base::MonotonicTime Deadline() const;
  void Tell(const std::string& trouble);

  const detect::Options detect_;
  const base::Duration call_;  // of one call to the store
  const PublisherOptions options_;
  const std::string key_;
  ports::SharedStore& store_;
  const ports::Clock& clock_;
  const PublisherSink sink_;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stop_ = false;
  bool news_ = false;    // something was probed since the last view
  bool urgent_ = false;  // and its health is another
  detect::Memory memory_;
  std::map<model::Target, std::uint64_t> probes_;

  // The thread's own.
  bool started_ = false;
  std::optional<std::uint64_t> revision_;  // absent: has to be read
  std::uint64_t sequence_ = 0;
  std::optional<View> other_;  // of the one that speaks for this Region
  base::MonotonicTime other_moved_;
  std::string trouble_;
  base::MonotonicTime last_;
  std::thread thread_;  // the last member: it uses the others
};

}  // namespace leeward::observe
