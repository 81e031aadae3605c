#include "probe/transfers.h"

#include <curl/curl.h>

#include <unordered_map>

#include "base/check.h"
#include "probe/http.h"

namespace leeward::probe {
namespace {

constexpr std::size_t kMaxIdleHandles = 256;

long Millis(base::Duration duration) { return static_cast<long>(base::Millis(duration)); }

std::size_t Drop(char*, std::size_t size, std::size_t count, void*) { return size * count; }

// One exchange, with everything libcurl needs to stay alive while it runs.
struct Exchange {
  TransferRequest request;
  curl_slist* connect_to = nullptr;
};

}  // namespace

struct Transfers::State {
  Limits limits;
  CURLM* multi = nullptr;
  curl_slist* json = nullptr;
  std::unordered_map<CURL*, Exchange> running;
  std::vector<CURL*> idle;

  CURL* TakeHandle() {
    if (idle.empty()) return curl_easy_init();
    CURL* handle = idle.back();
    idle.pop_back();
    curl_easy_reset(handle);
    return handle;
  }

  void GiveBack(CURL* handle) {
    if (idle.size() < kMaxIdleHandles) {
      idle.push_back(handle);
    } else {
      curl_easy_cleanup(handle);
    }
  }

  TransferOutcome Finish(CURL* handle, CURLcode code) {
    const auto found = running.find(handle);
    CHECK(found != running.end());
    long status = 0;
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    TransferOutcome outcome{.tag = found->second.request.tag,
                            .status = code == CURLE_OK ? static_cast<int>(status) : 0,
                            .address = found->second.request.address,
                            .failure = code == CURLE_OK ? "" : curl_easy_strerror(code)};
    curl_multi_remove_handle(multi, handle);
    curl_slist_free_all(found->second.connect_to);
    running.erase(found);
    GiveBack(handle);
    return outcome;
  }
};

Transfers::Transfers(Limits limits) : state_(std::make_unique<State>()) {
  SetUpCurl();
  state_->limits = std::move(limits);
  state_->multi = curl_multi_init();
  CHECK(state_->multi != nullptr);
  curl_multi_setopt(state_->multi, CURLMOPT_MAXCONNECTS,
                    static_cast<long>(state_->limits.kept_connections));
  state_->json = curl_slist_append(nullptr, "Content-Type: application/json");
  // Without this libcurl waits a second for "100 Continue" before some bodies.
  state_->json = curl_slist_append(state_->json, "Expect:");
}

Transfers::~Transfers() {
  while (!state_->running.empty()) {
    CURL* handle = state_->running.begin()->first;
    state_->Finish(handle, CURLE_ABORTED_BY_CALLBACK);
  }
  for (CURL* handle : state_->idle) curl_easy_cleanup(handle);
  curl_multi_cleanup(state_->multi);
  curl_slist_free_all(state_->json);
}

void Transfers::Begin(TransferRequest request) {
  CURL* handle = state_->TakeHandle();
  CHECK(handle != nullptr);
  Exchange& exchange = state_->running[handle];
  exchange.request = std::move(request);
  const bool v6 = exchange.request.address.find(':') != std::string::npos;
  const std::string target =
      v6 ? "::[" + exchange.request.address + "]:" : "::" + exchange.request.address + ":";
  exchange.connect_to = curl_slist_append(nullptr, target.c_str());
  curl_easy_setopt(handle, CURLOPT_URL, exchange.request.url.c_str());
  curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, exchange.request.method.c_str());
  curl_easy_setopt(handle, CURLOPT_CONNECT_TO, exchange.connect_to);
  curl_easy_setopt(handle, CURLOPT_PROXY, "");
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, Millis(state_->limits.connect));
  curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, Millis(state_->limits.total));
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &Drop);
  if (!exchange.request.body.empty()) {
    curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE,
                     static_cast<long>(exchange.request.body.size()));
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, exchange.request.body.c_str());
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, state_->json);
  }
  if (!state_->limits.source_address.empty()) {
    curl_easy_setopt(handle, CURLOPT_INTERFACE, ("host!" + state_->limits.source_address).c_str());
  }
  CHECK(curl_multi_add_handle(state_->multi, handle) == CURLM_OK);
}

std::size_t Transfers::outstanding() const { return state_->running.size(); }

void Transfers::Poll(base::Duration wait,
                     const std::function<void(const TransferOutcome&)>& ended) {
  int running = 0;
  curl_multi_perform(state_->multi, &running);
  const auto drain = [&] {
    int left = 0;
    bool any = false;
    while (CURLMsg* message = curl_multi_info_read(state_->multi, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      ended(state_->Finish(message->easy_handle, message->data.result));
      any = true;
    }
    return any;
  };
  if (drain()) return;
  const int millis = static_cast<int>(Millis(wait));
  curl_multi_poll(state_->multi, nullptr, 0, millis, nullptr);
  curl_multi_perform(state_->multi, &running);
  drain();
}

void Transfers::Wake() { curl_multi_wakeup(state_->multi); }

}  // namespace leeward::probe
