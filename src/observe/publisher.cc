#include "observe/publisher.h"

#include <algorithm>
#include <utility>

namespace leeward::observe {
namespace {

constexpr base::Duration kShortestCall = std::chrono::milliseconds(250);
constexpr base::Duration kLongestCall = std::chrono::seconds(2);
constexpr int kHurry = 10;  // a change of health waits for at most this part of a probe's interval

}  // namespace

Publisher::Publisher(const model::Application& application, PublisherOptions options,
                     ports::SharedStore& store, const ports::Clock& clock, PublisherSink sink)
    : detect_(detect::OptionsFor(application)),
      call_(std::clamp(detect_.probe_every, kShortestCall, kLongestCall)),
      options_(std::move(options)),
      key_(Key(application.name, options_.from)),
      store_(store),
      clock_(clock),
      sink_(std::move(sink)),
      last_(clock.Monotonic()),
      thread_([this] { Run(); }) {}

Publisher::~Publisher() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Publisher::Take(const model::Observation& seen) {
  if (seen.seen == model::Seen::kNothing) return;
  {
    const std::lock_guard lock(mutex_);
    const detect::MemoryKey key{seen.observer, seen.target};
    const auto before = memory_.targets.find(key);
    const model::Health was =
        before == memory_.targets.end() ? model::Health::kUnknown : before->second.health.health;
    memory_ = detect::Fold(std::move(memory_), seen, detect_);
    if (memory_.targets[key].health.health != was) urgent_ = true;
    ++probes_[seen.target];
    news_ = true;
  }
  changed_.notify_all();
}

bool Publisher::WaitForNews() {
  std::unique_lock lock(mutex_);
  const auto due = [this] {
    const base::Duration since = clock_.Monotonic() - last_;
    return since >= (urgent_ ? detect_.probe_every / kHurry : detect_.probe_every);
  };
  while (!stop_ && !(news_ && due())) {
    changed_.wait_for(lock, detect_.probe_every / kHurry);
  }
  return !stop_;
}

View Publisher::Compose() {
  const std::lock_guard lock(mutex_);
  news_ = urgent_ = false;
  View view;
  view.who = options_.who;
  view.from = options_.from;
  view.sequence = ++sequence_;
  view.at = clock_.Now();
  for (const auto& [key, target] : memory_.targets) {
    view.looks.push_back({key.second, target.health.health, target.health.consecutive_failures,
                          probes_[key.second], target.health.reason});
  }
  return view;
}

base::MonotonicTime Publisher::Deadline() const { return clock_.Monotonic() + call_; }

void Publisher::Tell(const std::string& trouble) {
  if (trouble != trouble_ && sink_.trouble) sink_.trouble(trouble);
  trouble_ = trouble;
}

base::Result<bool> Publisher::Learn(base::MonotonicTime deadline) {
  ASSIGN_OR_RETURN(const std::optional<ports::SharedEntry> entry, store_.Get(key_, deadline));
  revision_ = entry ? entry->revision : ports::kAbsent;
  base::Result<View> view = base::NotFound("no view");
  if (entry) view = ViewFromJson(entry->value);
  if (!started_) {
    // Readers refuse what goes back, so a sequence goes on where the last process left it. The
    // clock only helps where nothing is left: a number that is too small is refused, no more.
    const base::Duration age = std::max(clock_.Now().since_epoch, base::Duration(0));
    sequence_ = static_cast<std::uint64_t>(base::Millis(age));
  }
  if (view.ok()) sequence_ = std::max(sequence_, view->sequence);
  const bool another = view.ok() && view->who != options_.who;
  if (!std::exchange(started_, true) || !another) {
    other_.reset();
    return true;  // a newer process takes the place of an older one
  }
  const base::MonotonicTime now = clock_.Monotonic();
  if (!other_ || other_->who != view->who || view->sequence > other_->sequence) other_moved_ = now;
  other_ = *std::move(view);
  if (now - other_moved_ <= detect_.stale_after) return false;
  other_.reset();
  return true;
}

base::Status Publisher::Send(const View& view) {
  base::Result<std::uint64_t> put = store_.Put(key_, ToJson(view), *revision_, Deadline());
  if (!put.ok()) {
    revision_.reset();  // it may have happened, or another was quicker: read before the next one
    return std::move(put).error();
  }
  revision_ = *put;
  return base::Ok();
}

void Publisher::Publish() {
  if (!revision_ || other_) {
    const base::Result<bool> ours = Learn(Deadline());
    if (!ours.ok()) return Tell("the store does not take views: " + ours.error().message());
    if (!*ours) {
      return Tell("another observer (" + other_->who + ") publishes for " + options_.from.str() +
                  "; this one stands by");
    }
  }
  const View view = Compose();
  const base::Status sent = Send(view);
  if (!sent.ok()) return Tell("the view was not published: " + sent.error().message());
  Tell("");
  if (sink_.published) sink_.published(view);
}

void Publisher::Run() {
  while (WaitForNews()) {
    Publish();
    const std::lock_guard lock(mutex_);
    last_ = clock_.Monotonic();
  }
}

}  // namespace leeward::observe
