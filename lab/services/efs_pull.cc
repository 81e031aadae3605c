#include "lab/services/efs_pull.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "base/bytes.h"
#include "lab/services/ask_region.h"

namespace leeward::lab::efs {

using shapes::Value;

Flow<base::Result<Value>> Pull::Ask(std::string operation, Value input) {
  for (const auto& [name, value] : order_.ask.members()) input.Set(name, value);
  const Answer answer =
      co_await AskRegion(host_, order_.region, order_.service, operation, input, limits_.call);
  if (cancelled_) co_return base::Cancelled("the copy was ended");
  if (const auto* error = std::get_if<ApiError>(&answer)) {
    outcome_.unknown = error->code == "UnknownCopy";
    outcome_.not_yet = error->code == "CopyNotYet";
    if (TimedOut(answer)) co_return base::Unreachable(error->message);
    co_return base::ServiceBroken(error->message);
  }
  co_return std::get<Value>(answer);
}

Flow<base::Status> Pull::Work(std::function<base::Status()> work) {
  if (cancelled_) co_return base::Cancelled("the copy was ended");
  if (order_.allowed) {
    base::Status allowed = order_.allowed();
    if (!allowed.ok()) co_return allowed;
  }
  working_ = true;
  const base::Status done = co_await Offload<base::Status>(host_, std::move(work));
  working_ = false;
  if (!cancelled_) co_return done;
  if (const auto idle = std::exchange(idle_, nullptr)) idle();
  co_return base::Cancelled("the copy was ended");
}

void Pull::Cancel(std::function<void()> idle) {
  cancelled_ = true;
  if (working_) {
    idle_ = std::move(idle);
  } else {
    idle();
  }
}

// Files are brought before more directories are looked at, so that what waits stays bounded.
Flow<Pull::Outcome> Pull::Run() {
  directories_.push_back({"", {}});
  base::Status status;
  while (status.ok() && (!directories_.empty() || !files_.empty())) {
    if (files_.empty()) {
      status = co_await Directories();
    } else {
      status = co_await Files();
    }
  }
  if (status.ok()) status = co_await End();
  outcome_.status = status;
  co_return outcome_;
}

Flow<base::Status> Pull::Directories() {
  Value::List asked;
  for (const Directory& directory : directories_) {
    if (asked.size() == limits_.directories) break;
    Value one = Value::Struct({{"Path", base::PercentEncode(directory.path, "/")}});
    if (!directory.told.empty()) {
      one.Set("After", base::PercentEncode(directory.told.back().name));
    }
    asked.push_back(std::move(one));
  }
  Value input = Value::Struct();
  input.Set("Directories", Value(std::move(asked)));
  const std::string operation = "ListTree";
  const base::Result<Value> answer = co_await Ask(operation, input);
  if (!answer.ok()) co_return answer.error();
  if (outcome_.begun == base::WallTime{}) {
    outcome_.begun = answer->Find("Begun")->time();
    outcome_.disk_time = answer->Int("DiskTime");
  }
  std::function<base::Status()> work = [this, &answer] { return TakeListings(*answer); };
  const base::Status taken = co_await Work(std::move(work));
  co_return taken;
}

base::Status Pull::TakeListings(const Value& answer) {
  for (const Value& listing : answer.Items("Listings")) RETURN_IF_ERROR(TakeListing(listing));
  return base::Ok();
}

// Of the first directory that waits, for listings come in the order they were asked for.
base::Status Pull::TakeListing(const Value& listing) {
  ASSIGN_OR_RETURN(const std::string path, base::PercentDecode(listing.String("Path")));
  if (directories_.empty() || directories_.front().path != path) {
    return base::Corrupt("the source told of a directory that it was not asked for");
  }
  Directory& directory = directories_.front();
  if (listing.Flag("Gone", false)) {
    directories_.pop_front();
    return base::Ok();
  }
  for (const Value& told : listing.Items("Entries")) {
    ASSIGN_OR_RETURN(Entry entry, EntryOf(told));
    directory.told.push_back(std::move(entry));
  }
  if (listing.Flag("More", false)) return base::Ok();
  ASSIGN_OR_RETURN(Entry self, EntryOf(listing.Sub("Self")));
  Directory whole = std::move(directory);
  directories_.pop_front();
  if (order_.wanted) {
    std::erase_if(whole.told, [&](const Entry& entry) {
      const std::string shown = "/" + Below(whole.path, entry.name);
      const bool leads = entry.kind == Entry::Kind::kDirectory && order_.leads(shown);
      return !leads && !order_.wanted(shown);
    });
  }
  ASSIGN_OR_RETURN(const std::vector<Entry> to_bring, copy_->TakeDirectory(whole.path, whole.told));
  for (const Entry& entry : to_bring) files_.push_back({Below(whole.path, entry.name), entry});
  for (const Entry& entry : whole.told) Remember(Below(whole.path, entry.name), entry);
  seen_.push_back({whole.path, std::move(self)});
  return base::Ok();
}

void Pull::Remember(std::string path, const Entry& entry) {
  if (entry.kind == Entry::Kind::kDirectory) {
    directories_.push_back({std::move(path), {}});
    return;
  }
  ++outcome_.listed;
  if (entry.kind == Entry::Kind::kFile && order_.remember == Order::Remember::kAll) {
    outcome_.files.push_back(std::move(path));
  }
}

Flow<base::Status> Pull::Files() {
  Value::List asked;
  for (const File& file : files_) {
    if (asked.size() == limits_.files) break;
    asked.push_back(Value::Struct({{"Path", base::PercentEncode(file.path, "/")},
                                   {"Offset", file.offset},
                                   {"Loose", file.changes >= limits_.changing}}));
  }
  Value input = Value::Struct();
  input.Set("Files", Value(std::move(asked)));
  const std::string operation = "ReadTree";
  const base::Result<Value> answer = co_await Ask(operation, input);
  if (!answer.ok()) co_return answer.error();
  std::function<base::Status()> work = [this, &answer] { return TakePieces(*answer); };
  const base::Status taken = co_await Work(std::move(work));
  const std::int64_t moved = std::exchange(moved_, 0);
  if (taken.ok() && order_.bytes_per_second > 0 && moved > 0) {
    const double seconds =
        static_cast<double>(moved) / static_cast<double>(order_.bytes_per_second);
    co_await Sleep(host_, base::Duration(static_cast<std::int64_t>(seconds * 1e9)));
    if (cancelled_) co_return base::Cancelled("the copy was ended");
  }
  co_return taken;
}

base::Status Pull::TakePieces(const Value& answer) {
  for (const Value& told : answer.Items("Pieces")) {
    ASSIGN_OR_RETURN(const std::string path, base::PercentDecode(told.String("Path")));
    if (files_.empty() || files_.front().path != path) {
      return base::Corrupt("the source sent a file that it was not asked for");
    }
    ASSIGN_OR_RETURN(const bool go_on, TakePiece(files_.front(), told));
    if (!go_on) return base::Ok();
  }
  return base::Ok();
}

void Pull::Again(File& file) {
  copy_->DropFile(file.path);
  file.offset = 0;
  ++file.changes;
}

// False when what else was sent with it is of no use.
base::Result<bool> Pull::TakePiece(File& file, const Value& told) {
  if (told.Flag("Gone", false)) {  // the next pass will not be told of it
    copy_->DropFile(file.path);
    files_.pop_front();
    return true;
  }
  if (told.Flag("Changing", false)) {
    Again(file);
    return false;
  }
  Piece piece;
  ASSIGN_OR_RETURN(piece.entry, EntryOf(told.Sub("Entry")));
  piece.offset = told.Int("Offset");
  piece.next = told.Int("Next");
  if (const Value* data = told.Find("Data")) piece.bytes = data->blob().bytes;
  if (piece.offset < file.offset || piece.next < piece.offset) {
    return base::Corrupt("the source sent a part of a file twice");
  }
  const bool loose = file.changes >= limits_.changing;
  if (file.offset == 0) {
    copy_->DropFile(file.path);
    file.end = piece.entry.size;
  } else if (!loose && !SameContents(file.entry, piece.entry)) {
    Again(file);
    return false;
  }
  // It may grow faster than it is brought.
  const bool more_is_sent = !piece.last();
  if (loose) piece.entry.size = std::min(piece.entry.size, file.end);
  file.entry = piece.entry;
  RETURN_IF_ERROR(copy_->TakePiece(file.path, piece));
  moved_ += static_cast<std::int64_t>(piece.bytes.size());
  file.offset = piece.next;
  if (!piece.last()) return true;
  RETURN_IF_ERROR(copy_->PutFile(file.path, file.entry));
  if (order_.remember == Order::Remember::kBrought) outcome_.files.push_back(file.path);
  files_.pop_front();
  return !more_is_sent;
}

Flow<base::Status> Pull::End() {
  std::function<base::Status()> work = [this]() -> base::Status {
    RETURN_IF_ERROR(copy_->LinkFiles());
    for (auto seen = seen_.rbegin(); seen != seen_.rend(); ++seen) {
      RETURN_IF_ERROR(copy_->FinishDirectory(seen->path, seen->entry));
    }
    return copy_->Finish();
  };
  const base::Status ended = co_await Work(std::move(work));
  co_return ended;
}

namespace {

// One pass after another, from Start to Stop.
class PullingReplicator : public Replicator {
 public:
  PullingReplicator(Host& host, const PullLimits& limits, CopyOrder order,
                    std::function<void()> changed)
      : state_(std::make_shared<State>(State{host, limits, std::move(order), std::move(changed)})) {
  }
  ~PullingReplicator() override {
    state_->changed = nullptr;
    Quieten(state_);
  }
  void Start() override {
    if (state_->run != nullptr) return;
    WhenQuiet([state = state_] {
      state->run = std::make_shared<Round>();
      state->writing = true;
      Passes(state, state->run).Detach();
    });
  }
  void Pause() override { Quieten(state_); }
  void Stop(std::function<void(base::Status)> stopped) override {
    Quieten(state_);
    WhenQuiet([state = state_, stopped = std::move(stopped)] { Release(state, stopped).Detach(); });
  }
  CopyProgress progress() const override { return state_->progress; }

 private:
  // From a Start to the Pause or Stop after it.
  struct Round {
    bool cancelled = false;
    bool holding = false;
    std::function<void()> idle;
    std::shared_ptr<Pull> pull;
    void Cancel(std::function<void()> when_idle) {
      cancelled = true;
      if (holding) {
        idle = std::move(when_idle);
      } else if (pull != nullptr) {
        pull->Cancel(std::move(when_idle));
      } else {
        when_idle();
      }
    }
  };
  struct State {
    Host& host;
    PullLimits limits;
    CopyOrder order;
    std::function<void()> changed;
    CopyProgress progress;
    std::shared_ptr<Round> run;
    bool writing = false;              // a worker of this or an earlier round may still write
    std::function<void()> when_quiet;  // what waits for that

    std::filesystem::path tree() const { return order.folder / "tree"; }
    std::filesystem::path modes() const { return order.folder / "modes"; }
    std::filesystem::path passed() const { return order.folder / "passed"; }
    std::filesystem::path scratch() const { return order.folder / "incoming"; }
    void Tell() const {
      if (changed) changed();
    }
  };
  using StatePtr = std::shared_ptr<State>;

  static void Quieten(const StatePtr& state) {
    state->when_quiet = nullptr;
    if (state->run == nullptr) return;
    const auto run = std::exchange(state->run, nullptr);
    run->Cancel([state] {
      state->writing = false;
      if (const auto then = std::exchange(state->when_quiet, nullptr)) then();
    });
  }

  void WhenQuiet(std::function<void()> then) {
    if (state_->writing) {
      state_->when_quiet = std::move(then);
    } else {
      then();
    }
  }

  static base::Status Hold(const State& state) {
    ASSIGN_OR_RETURN(HeldModes modes, HeldModes::Open(state.modes()));
    return HoldTree(state.tree(), modes);
  }

  // The source's disk time of the last whole pass: what changed since may look as it did.
  static std::int64_t LastPass(const State& state) {
    std::int64_t time = 0;
    std::ifstream(state.passed()) >> time;
    return time;
  }
  static void KeepPass(const State& state, std::int64_t disk_time) {
    constexpr std::int64_t kCoarse = 1'000'000'000;  // more than any disk's clock steps by
    std::ofstream(state.passed()) << disk_time - kCoarse << '\n';
  }

  static base::Result<std::shared_ptr<TreeCopy>> BeginCopy(const State& state) {
    TreeCopy::Options options;
    options.root = state.tree();
    options.scratch = state.scratch();
    options.modes_file = state.modes();
    options.changed_since = LastPass(state);
    // Until all of the source is there once, what goes is what the destination had of its own.
    if (options.changed_since == 0) options.replaced_file = state.order.folder / "replaced";
    ASSIGN_OR_RETURN(TreeCopy copy, TreeCopy::Begin(std::move(options)));
    return std::make_shared<TreeCopy>(std::move(copy));
  }

  static Flow<> Passes(StatePtr state, std::shared_ptr<Round> round) {
    bool held = false;
    while (!round->cancelled) {
      if (!held) held = co_await HoldFirst(state, round);
      if (held && !round->cancelled) co_await Pass(state, round);
      if (round->cancelled) co_return;
      state->Tell();
      base::Duration pause = state->limits.retry;
      if (state->progress.trouble.empty()) pause = Between(*state);
      co_await Sleep(state->host, pause);
    }
  }

  static Flow<bool> HoldFirst(StatePtr state, std::shared_ptr<Round> round) {
    round->holding = true;
    std::function<base::Status()> hold = [state] { return Hold(*state); };
    const base::Status held = co_await Offload<base::Status>(state->host, std::move(hold));
    round->holding = false;
    if (const auto idle = std::exchange(round->idle, nullptr)) idle();
    state->progress.trouble = held.ok() ? "" : held.error().message();
    co_return held.ok();
  }

  static base::Duration Between(const State& state) {
    return state.host.pace() == Pace::kFast ? state.limits.between_fast : state.limits.between_aws;
  }

  static Flow<> Pass(StatePtr state, std::shared_ptr<Round> round) {
    base::Result<std::shared_ptr<TreeCopy>> copy = BeginCopy(*state);
    if (!copy.ok()) {
      state->progress.trouble = copy.error().message();
      co_return;
    }
    Pull::Order order;
    order.region = state->order.source_region;
    order.service = "efs";
    order.ask = Value::Struct({{"SourceId", state->order.source_id},
                               {"DestinationId", state->order.destination_id},
                               {"Trouble", state->progress.trouble}});
    if (state->progress.complete_to) order.ask.Set("CompleteTo", *state->progress.complete_to);
    const auto pull = std::make_shared<Pull>(state->host, state->limits, std::move(order), *copy);
    round->pull = pull;
    const Pull::Outcome outcome = co_await pull->Run();
    if (round->cancelled) co_return;
    round->pull.reset();
    TakeOutcome(*state, outcome, (*copy)->counts());
  }

  static void TakeOutcome(State& state, const Pull::Outcome& outcome,
                          const TreeCopy::Counts& counts) {
    CopyProgress& progress = state.progress;
    if (LastPass(state) == 0) {
      progress.removed += counts.removed;
      progress.overwritten += counts.overwritten;
    }
    progress.unknown = outcome.unknown;
    progress.trouble.clear();
    if (outcome.status.ok()) {
      progress.complete_to = outcome.begun;
      KeepPass(state, outcome.disk_time);
    } else if (outcome.status.error().code() != base::ErrorCode::kUnreachable && !outcome.unknown &&
               !outcome.not_yet) {
      progress.trouble = outcome.status.error().message();
    }
  }

  static base::Status ReleaseNow(const State& state) {
    ASSIGN_OR_RETURN(HeldModes modes, HeldModes::Open(state.modes()));
    std::error_code ignored;
    std::filesystem::remove_all(state.scratch(), ignored);
    if (!modes.all_kept()) return base::Ok();  // released already, or never held
    RETURN_IF_ERROR(ReleaseTree(state.tree(), modes));
    RETURN_IF_ERROR(modes.Clear());
    std::filesystem::remove(state.passed(), ignored);
    return base::Ok();
  }

  static Flow<> Release(StatePtr state, std::function<void(base::Status)> stopped) {
    std::function<base::Status()> release = [state] { return ReleaseNow(*state); };
    const base::Status released = co_await Offload<base::Status>(state->host, std::move(release));
    stopped(released);
  }

  StatePtr state_;
};

}  // namespace

std::unique_ptr<Replicator> PullingReplicators::Make(const CopyOrder& order,
                                                     std::function<void()> changed) {
  return std::make_unique<PullingReplicator>(host_, limits_, order, std::move(changed));
}

}  // namespace leeward::lab::efs
