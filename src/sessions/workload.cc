#include "sessions/workload.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "sessions/api.h"

namespace leeward::sessions {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kCounter[] = "n";
constexpr int kPicks = 8;            // looks for a session that nobody uses
constexpr int kLooks = 5;            // at one session, when the answer is neither yes nor no
constexpr std::size_t kJudges = 16;  // sessions looked at at once

Json Parse(const std::string& text) {
  return Json::parse(text, nullptr, /*allow_exceptions=*/false);
}

std::string TextIn(const Json& json, const char* name) {
  if (!json.is_object() || !json.contains(name) || !json[name].is_string()) return "";
  return json[name].get<std::string>();
}

std::uint64_t CounterIn(const Json& json) {
  if (!json.is_object() || !json.contains("data")) return 0;
  const std::string text = TextIn(json["data"], kCounter);
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

std::optional<double> Verdict::SurvivedShare() const {
  const std::uint64_t seen = survived + lost;
  if (seen == 0) return std::nullopt;
  return static_cast<double>(survived) / static_cast<double>(seen);
}

std::string ToJson(const Verdict& verdict) {
  const std::optional<double> share = verdict.SurvivedShare();
  return Json{{"live", verdict.live},
              {"survived", verdict.survived},
              {"lost", verdict.lost},
              {"unknown", verdict.unknown},
              {"stale", verdict.stale},
              {"survived_share", share ? Json(*share) : Json(nullptr)},
              {"revoked", verdict.revoked},
              {"still_revoked", verdict.still_revoked},
              {"revoked_unknown", verdict.revoked_unknown},
              {"back_alive", verdict.back_alive},
              {"back_alive_local", verdict.back_alive_local},
              {"undecided", verdict.undecided}}
      .dump();
}

std::string ToJson(const WorkloadCounts& counts) {
  Json json;
  for (const auto& [operation, of] : counts.of) {
    json[std::string(Name(operation))] = Json{{"done", of.done},
                                              {"refused", of.refused},
                                              {"failed", of.failed},
                                              {"unanswered", of.unanswered}};
  }
  json["not_sent"] = counts.not_sent;
  json["live_refused"] = counts.live_refused;
  json["revoked_served"] = counts.revoked_served;
  json["stale_reads"] = counts.stale_reads;
  return json.dump();
}

Workload::Workload(WorkloadOptions options, std::vector<ServicePlace> places,
                   ports::HttpTransport& transport, const ports::Clock& clock,
                   ports::Random& random)
    : options_(std::move(options)),
      places_(std::move(places)),
      transport_(transport),
      clock_(clock),
      random_(random),
      pool_(std::make_unique<os::WorkerPool>(options_.threads)) {
  CHECK(!places_.empty() && options_.rate > 0);
}

Workload::~Workload() { Stop(); }

void Workload::Start() {
  CHECK(!thread_.joinable());
  thread_ = std::thread([this] { Run(); });
}

void Workload::Use(std::size_t place) {
  CHECK(place < places_.size());
  place_ = place;
}

void Workload::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  pool_.reset();
}

WorkloadCounts Workload::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

std::size_t Workload::remembered() const {
  const std::lock_guard lock(mutex_);
  return known_.size();
}

void Workload::Run() {
  const auto gap = std::chrono::duration_cast<base::Duration>(
      std::chrono::duration<double>(1.0 / options_.rate));
  base::MonotonicTime next = clock_.Monotonic();
  while (true) {
    for (; next <= clock_.Monotonic(); next = next + gap) SendOne();
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, std::max(next - clock_.Monotonic(), base::Duration{0}),
                   [this] { return stop_; });
    if (stop_) return;
  }
}

Operation Workload::Draw() {
  constexpr std::uint64_t kWhole = 100;
  int at = static_cast<int>(random_.Below(kWhole));
  if ((at -= options_.creates) < 0) return Operation::kCreate;
  if ((at -= options_.touches) < 0) return Operation::kTouch;
  if ((at -= options_.changes) < 0) return Operation::kChange;
  if (at - options_.revokes < 0) return Operation::kRevoke;
  return Operation::kRead;
}

Workload::Known* Workload::Pick() {
  for (int i = 0; i < kPicks && !known_.empty(); ++i) {
    Known& known = known_[random_.Below(known_.size())];
    // The revoked are read too, now and then: they have to stay so.
    if (!known.busy && (known.fate == Fate::kLive || known.fate == Fate::kRevoked)) return &known;
  }
  return nullptr;
}

void Workload::SendOne() {
  Operation operation = Operation::kRead;
  Known* known = nullptr;
  {
    const std::lock_guard lock(mutex_);
    operation = Draw();
    if (outstanding_ >= options_.threads) {
      ++counts_.not_sent;
      return;
    }
    const bool room = known_.size() < options_.most_sessions;
    if (operation != Operation::kCreate || !room) {
      known = Pick();
      if (known == nullptr && !room) return;
      if (known == nullptr) operation = Operation::kCreate;
      if (known != nullptr && (operation == Operation::kCreate || known->fate == Fate::kRevoked))
        operation = Operation::kRead;
    }
    if (known != nullptr) known->busy = true;
    ++outstanding_;
  }
  pool_->Run([this, operation, known] {
    Do(operation, known);
    --outstanding_;
  });
}

ports::HttpRequest Workload::RequestFor(const Asking& asking) {
  const auto& [operation, known, at] = asking;
  const ServicePlace& place = places_[at];
  ports::HttpRequest request;
  if (!place.token.empty()) request.headers.emplace_back("Authorization", "Bearer " + place.token);
  if (operation == Operation::kCreate) {
    request.method = "POST";
    request.url = place.url + "/v1/sessions";
    request.body =
        Json{{"subject", "user-" + random_.Hex(8)},
             {"data", {{kCounter, "0"}, {"cart", std::string(options_.data_bytes, 'c')}}}}
            .dump();
    return request;
  }
  request.headers.emplace_back(kCredentialHeader, known->credential);
  request.url = place.url + "/v1/session";
  if (operation == Operation::kTouch) {
    request.method = "POST";
    request.url += "/touch";
  } else if (operation == Operation::kChange) {
    request.method = "PATCH";
    request.body = Json{{kCounter, std::to_string(++known->tried)}}.dump();
  } else if (operation == Operation::kRevoke) {
    request.method = "DELETE";
  }
  return request;
}

base::Result<ports::HttpResponse> Workload::Send(const ports::HttpRequest& request) {
  ports::HttpLimits limits;
  limits.connect = options_.connect;
  limits.total = options_.timeout;
  limits.source_address = options_.source_address;
  return transport_.Send(request, limits);
}

// A session is used by one request at a time, as by one browser: between Pick and TakeIn it is this
// thread's own.
void Workload::Do(Operation operation, Known* known) {
  const Asking asking{operation, known, place_};
  ports::HttpRequest request;
  {
    const std::lock_guard lock(mutex_);
    request = RequestFor(asking);
    if (operation == Operation::kRevoke) known->fate = Fate::kRevoking;
  }
  const auto response = Send(request);
  const std::lock_guard lock(mutex_);
  TakeIn(asking, response);
}

void Workload::TakeIn(const Asking& asking, const base::Result<ports::HttpResponse>& response) {
  Known* known = asking.known;
  if (known != nullptr) known->busy = false;
  OperationCounts& of = counts_.of[asking.operation];
  if (!response.ok()) {
    ++of.unanswered;
    return;
  }
  if (response->status < 300) {
    ++of.done;
    Learn(asking, *response);
    return;
  }
  ++(response->status >= 500 ? of.failed : of.refused);
  const bool denied = response->status == 404 || response->status == 410;
  if (!denied || known == nullptr || known->fate == Fate::kRevoked) return;
  ++counts_.live_refused;
  known->fate = Fate::kLive;  // where it is not known nothing was revoked
}

void Workload::Learn(const Asking& asking, const ports::HttpResponse& response) {
  const auto& [operation, known, place] = asking;
  const Json json = Parse(response.body);
  const std::string credential = TextIn(json, "session");
  if (operation == Operation::kCreate) {
    if (credential.empty()) return;
    Known& made = known_.emplace_back();
    made.credential = credential;
    made.made = clock_.Now();
    made.made_at = place;
    return;
  }
  if (operation == Operation::kRevoke) {
    known->fate = Fate::kRevoked;
    known->revoked_at = place;
    known->local = TextIn(json, "revoked") == "local";
    return;
  }
  if (known->fate == Fate::kRevoked) {
    if (!known->local) ++counts_.revoked_served;
    return;
  }
  if (operation == Operation::kChange) known->acknowledged = known->tried;
  if (CounterIn(json) < known->acknowledged) ++counts_.stale_reads;
  // A token is a new one with every touch and change.
  if (!credential.empty()) known->credential = credential;
}

bool Workload::IsOf(const Known& known, std::size_t place) {
  return known.made_at == place || (known.fate == Fate::kRevoked && known.revoked_at == place);
}

Verdict Workload::Verify(std::size_t place, Which which, base::MonotonicTime deadline) {
  CHECK(pool_ == nullptr);  // it was stopped
  Use(place);
  Verdict verdict;
  {
    os::WorkerPool judges(kJudges);
    for (const Known& known : known_) {
      if (which == Which::kOfOtherPlaces && IsOf(known, place)) continue;
      judges.Run([&, this] { Judge(known, deadline, &verdict); });
    }
  }
  return verdict;
}

void Workload::Judge(const Known& known, base::MonotonicTime deadline, Verdict* verdict) {
  Known copy = known;
  int status = 0;
  std::uint64_t counter = 0;
  for (int i = 0; i < kLooks && clock_.Monotonic() < deadline; ++i) {
    ports::HttpRequest request;
    {
      const std::lock_guard lock(mutex_);
      request = RequestFor({Operation::kRead, &copy, place_});
    }
    const auto response = Send(request);
    if (!response.ok() || response->status >= 500) continue;
    status = response->status;
    counter = CounterIn(Parse(response->body));
    break;
  }
  const bool served = status == 200, denied = status == 404 || status == 410;
  const std::lock_guard lock(mutex_);
  if (known.fate == Fate::kRevoking) {
    ++verdict->undecided;
  } else if (known.fate == Fate::kRevoked) {
    ++verdict->revoked;
    ++(served   ? (known.local ? verdict->back_alive_local : verdict->back_alive)
       : denied ? verdict->still_revoked
                : verdict->revoked_unknown);
  } else {
    ++verdict->live;
    ++(served ? verdict->survived : denied ? verdict->lost : verdict->unknown);
    if (served && counter < known.acknowledged) ++verdict->stale;
    if (denied)
      verdict->oldest_lost = std::min(known.made, verdict->oldest_lost.value_or(known.made));
  }
}

}  // namespace leeward::sessions
