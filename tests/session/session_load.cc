// Session traffic for tests and measurements.
//
//   session_load drill --rate N --place REGION=URL [--place REGION=URL]
//     runs until told on standard input: "use INDEX", "counts", "stop", "verify INDEX SECONDS";
//     answers each with a line of JSON.
//   session_load bench --url URL --threads N --seconds N
//     as fast as N clients can, one after another of each operation; one line of JSON.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "os/clock.h"
#include "os/curl_transport.h"
#include "os/random.h"
#include "sessions/api.h"
#include "sessions/workload.h"

namespace leeward {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  double rate = 500;
  std::vector<std::string> places;
  std::string url;
  int threads = 16;
  int seconds = 5;
};

int Drill(const Options& options) {
  std::vector<sessions::ServicePlace> places;
  for (const std::string& place : options.places) {
    const std::size_t equals = place.find('=');
    places.push_back({place.substr(0, equals), place.substr(equals + 1), ""});
  }
  const auto transport = os::MakeCurlTransport({});
  const os::SystemClock clock;
  os::SystemRandom random;
  sessions::WorkloadOptions with;
  with.rate = options.rate;
  sessions::Workload load(with, places, *transport, clock, random);
  load.Start();
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream words(line);
    std::string word;
    std::size_t index = 0;
    int seconds = 0;
    words >> word >> index >> seconds;
    if (word == "use") load.Use(index);
    if (word == "stop") load.Stop();
    if (word == "verify") {
      const auto verdict = load.Verify(index, sessions::Workload::Which::kAll,
                                       clock.Monotonic() + std::chrono::seconds(seconds));
      fmt::print("{}\n", ToJson(verdict));
    } else {
      fmt::print("{}\n", ToJson(load.counts()));
    }
    std::fflush(stdout);
  }
  return 0;
}

// One client's laps: make, read three times, touch, change, revoke.
class Client {
 public:
  Client(ports::HttpTransport& transport, std::string url)
      : transport_(transport), url_(std::move(url)) {}

  void Run(base::MonotonicTime until) {
    while (clock_.Monotonic() < until) Lap();
  }
  std::map<std::string, std::vector<double>> millis;
  std::uint64_t failed = 0;

 private:
  void Lap() {
    const Json made =
        Timed("create", "POST", "/v1/sessions",
              Json{{"subject", "bench"}, {"data", {{"cart", std::string(200, 'c')}}}});
    if (!made.contains("session")) return;
    session_ = made["session"].get<std::string>();
    for (int i = 0; i < 3; ++i) Timed("read", "GET", "/v1/session");
    Renew(Timed("touch", "POST", "/v1/session/touch"));
    Renew(Timed("change", "PATCH", "/v1/session", Json{{"cart", std::string(200, 'd')}}));
    Timed("revoke", "DELETE", "/v1/session");
    session_.clear();
  }
  void Renew(const Json& answer) {
    if (answer.contains("session")) session_ = answer["session"].get<std::string>();
  }
  Json Timed(const char* name, const char* method, const char* path, const Json& body = {}) {
    ports::HttpRequest request{method, url_ + path, {}, body.is_null() ? "" : body.dump()};
    if (!session_.empty()) request.headers.emplace_back(sessions::kCredentialHeader, session_);
    const base::MonotonicTime began = clock_.Monotonic();
    const auto response = transport_.Send(request, {});
    if (!response.ok() || response->status >= 300) {
      ++failed;
      return Json::object();
    }
    millis[name].push_back(base::Seconds(clock_.Monotonic() - began) * 1000);
    return Json::parse(response->body, nullptr, false);
  }

  ports::HttpTransport& transport_;
  const std::string url_;
  os::SystemClock clock_;
  std::string session_;
};

double At(std::vector<double>& sorted, double share) {
  if (sorted.empty()) return 0;
  return sorted[std::min(sorted.size() - 1,
                         static_cast<std::size_t>(share * static_cast<double>(sorted.size())))];
}

int Bench(const Options& options) {
  const auto transport = os::MakeCurlTransport({});
  const os::SystemClock clock;
  std::vector<std::unique_ptr<Client>> clients;
  std::vector<std::thread> threads;
  const base::MonotonicTime until = clock.Monotonic() + std::chrono::seconds(options.seconds);
  for (int i = 0; i < options.threads; ++i) {
    clients.push_back(std::make_unique<Client>(*transport, options.url));
    threads.emplace_back([&client = *clients.back(), until] { client.Run(until); });
  }
  for (std::thread& thread : threads) thread.join();
  std::map<std::string, std::vector<double>> all;
  std::uint64_t failed = 0, done = 0;
  for (const auto& client : clients) {
    failed += client->failed;
    for (const auto& [name, millis] : client->millis)
      all[name].insert(all[name].end(), millis.begin(), millis.end());
  }
  Json of;
  for (auto& [name, millis] : all) {
    std::sort(millis.begin(), millis.end());
    done += millis.size();
    of[name] =
        Json{{"count", millis.size()}, {"p50_ms", At(millis, 0.5)}, {"p99_ms", At(millis, 0.99)}};
  }
  fmt::print("{}\n", Json{{"operations_per_second", static_cast<double>(done) / options.seconds},
                          {"failed", failed},
                          {"of", of}}
                         .dump());
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace leeward

int main(int argc, char** argv) {
  using namespace leeward;  // NOLINT: main is all of it
  CLI::App app{"session traffic"};
  Options options;
  CLI::App* drill = app.add_subcommand("drill");
  drill->add_option("--rate", options.rate);
  drill->add_option("--place", options.places)->required();
  CLI::App* bench = app.add_subcommand("bench");
  bench->add_option("--url", options.url)->required();
  bench->add_option("--threads", options.threads);
  bench->add_option("--seconds", options.seconds);
  app.require_subcommand(1);
  CLI11_PARSE(app, argc, argv);
  return drill->parsed() ? Drill(options) : Bench(options);
}
