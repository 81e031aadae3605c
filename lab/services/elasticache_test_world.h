// For tests: the Regions of rds_test_world.h with a network that carries bytes over TCP, since a
// Redis server follows another over nothing else. What is dark is silent.
#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <atomic>
#include <list>

#include "lab/services/rds_test_world.h"

namespace leeward::lab::elasticache {

using rds::TestWorld;

// One listener: each connection to address:port goes on to the Unix socket. Runs in a thread.
class Carrier {
 public:
  Carrier(const std::string& address, std::uint16_t port) {
    listening_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int yes = 1;
    setsockopt(listening_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = htons(port);
    inet_pton(AF_INET, address.c_str(), &where.sin_addr);
    CHECK(bind(listening_, reinterpret_cast<sockaddr*>(&where), sizeof where) == 0);
    CHECK(listen(listening_, 64) == 0);
    thread_ = std::thread([this] { Run(); });
  }
  ~Carrier() {
    ending_ = true;
    thread_.join();
    for (const Pair& pair : pairs_) Close(pair);
    close(listening_);
  }
  void LeadTo(std::string backend) {
    std::lock_guard lock(mutex_);
    backend_ = std::move(backend);
  }
  void SetSilent(bool silent) { silent_ = silent; }

 private:
  struct Pair {
    int client = -1;
    int server = -1;
  };
  static void Close(const Pair& pair) {
    close(pair.client);
    close(pair.server);
  }

  void Run() {
    while (!ending_) {
      std::vector<pollfd> watched = {{listening_, POLLIN, 0}};
      for (const Pair& pair : pairs_) {
        watched.push_back({pair.client, POLLIN, 0});
        watched.push_back({pair.server, POLLIN, 0});
      }
      if (silent_) {
        poll(nullptr, 0, 2);
        continue;
      }
      if (poll(watched.data(), watched.size(), 2) <= 0) continue;
      auto at = watched.begin() + 1;
      for (auto pair = pairs_.begin(); pair != pairs_.end(); at += 2) {
        const bool alive = (at->revents == 0 || Move(pair->client, pair->server)) &&
                           ((at + 1)->revents == 0 || Move(pair->server, pair->client));
        if (!alive) Close(*pair);
        pair = alive ? std::next(pair) : pairs_.erase(pair);
      }
      if (watched.front().revents != 0) Accept();
    }
  }
  static bool Move(int from, int to) {
    char bytes[65536];
    const ssize_t got = read(from, bytes, sizeof bytes);
    for (ssize_t sent = 0; sent < got;) {
      const ssize_t now =
          send(to, bytes + sent, static_cast<std::size_t>(got - sent), MSG_NOSIGNAL);
      if (now <= 0) return false;
      sent += now;
    }
    return got > 0;
  }
  void Accept() {
    Pair pair{accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC),
              socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_un where{};
    where.sun_family = AF_UNIX;
    {
      std::lock_guard lock(mutex_);
      backend_.copy(where.sun_path, sizeof where.sun_path - 1);
    }
    if (connect(pair.server, reinterpret_cast<sockaddr*>(&where), sizeof where) == 0) {
      pairs_.push_back(pair);
    } else {
      Close(pair);
    }
  }

  int listening_ = -1;
  std::mutex mutex_;
  std::string backend_;
  std::list<Pair> pairs_;
  std::atomic<bool> silent_ = false;
  std::atomic<bool> ending_ = false;
  std::thread thread_;
};

class CarryingRegion : public rds::TestRegion {
 public:
  CarryingRegion(TestWorld& world, const std::string& region, int block)
      : rds::TestRegion(world, region, block), block_(block) {}

  void Publish(const PublicEndpoint& endpoint) override {
    rds::TestRegion::Publish(endpoint);
    CarrierAt(endpoint.name, endpoint.address, endpoint.port).LeadTo(endpoint.backend.string());
  }
  void Withdraw(std::string_view name) override {
    rds::TestRegion::Withdraw(name);
    carriers_.erase(std::string(name));
  }
  // Every connection over a link waits while either end is dark.
  std::pair<std::string, std::uint16_t> Link(std::string_view to, std::string_view address,
                                             std::uint16_t port) override {
    const std::string name = std::string(to) + "/" + std::string(address);
    const auto [known, added] = links_.emplace(
        name, "127." + std::to_string(block_) + ".1." + std::to_string(links_.size() + 10));
    std::pair<std::string, std::uint16_t> here = {known->second, port};
    for (CarryingRegion* other : *everyone) {
      if (other->region() != to) continue;
      for (const auto& [key, endpoint] : other->endpoints) {
        if (endpoint.address != address || endpoint.port != port) continue;
        CarrierAt("link:" + name, here.first, port).LeadTo(endpoint.backend.string());
      }
    }
    return here;
  }
  // As in the lab: a Region that is not there says so, it is not silent; and a call ends with
  // either end of it.
  void CallRegion(std::string_view region, std::string_view service, std::string_view operation,
                  shapes::Value input, base::Duration deadline, Reply reply) override {
    CarryingRegion* other = nullptr;
    for (CarryingRegion* each : *everyone) {
      if (each->region() == region) other = each;
    }
    if (other == nullptr) {
      Post([reply] { reply(ApiError{"InvalidParameterValue", "not in this lab", 400, {}}); });
      return;
    }
    if (IsDark(region) || IsDark(this->region())) {
      After(std::min<base::Duration>(deadline, std::chrono::milliseconds(300)), [reply] {
        reply(ApiError{"RequestTimeout", "no answer", 0, {}});
      });
      return;
    }
    const Reply answer = [this, life = lives_, reply](Answer given) {
      if (life == lives_) reply(std::move(given));
    };
    other->Post([other, name = std::string(service), operation = std::string(operation),
                 input = std::move(input), answer] {
      if (Service* target = other->Find(name)) target->HandleInternal(operation, input, answer);
    });
  }
  void Die() {
    ++lives_;
    services.clear();
    Kill();
  }
  void SetSilent(bool silent) {
    for (auto& [name, carrier] : carriers_) carrier->SetSilent(silent);
  }
  void SetLinkSilent(std::string_view to, bool silent) {
    for (auto& [name, carrier] : carriers_) {
      if (name.starts_with("link:" + std::string(to))) carrier->SetSilent(silent);
    }
  }

  std::vector<CarryingRegion*>* everyone = nullptr;

 private:
  Carrier& CarrierAt(const std::string& name, const std::string& address, std::uint16_t port) {
    std::unique_ptr<Carrier>& carrier = carriers_[name];
    if (carrier == nullptr) carrier = std::make_unique<Carrier>(address, port);
    return *carrier;
  }

  int block_;
  int lives_ = 0;
  std::map<std::string, std::unique_ptr<Carrier>> carriers_;
  std::map<std::string, std::string> links_;
};

}  // namespace leeward::lab::elasticache
