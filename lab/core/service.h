// What a lab service is, and what it is given to live in.
//
// A service is one AWS service in one place: in a Region's process (rds, ecs, ...) or in the global
// plane (route53, ARC). It lives on its process's single event thread: Handle, timers and
// completions never run at the same time, so a service needs no locks. Blocking work goes through
// Host::RunBlocking.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "ports/clock.h"
#include "ports/http.h"
#include "ports/random.h"
#include "shapes/model.h"
#include "shapes/value.h"

namespace leeward::lab {

// One verified request: the signature is good, the operation exists, required members are there,
// and types, enums and ranges are those of the model.
struct Call {
  const shapes::Model* model = nullptr;
  const shapes::Operation* operation = nullptr;
  shapes::Value input;
  std::string region;  // of the credential scope
  std::string request_id;
  std::string caller_arn;  // who signed it
  std::string caller_id;   // "AIDA...", "AROA...:session"
};

// An error as AWS answers it.
struct ApiError {
  std::string code;     // wire code: "DBInstanceNotFound"
  std::string message;  // AWS's wording where it is known
  int http_status = 400;
  shapes::Value members;  // further members of the error shape, if any
};

using Answer = std::variant<shapes::Value, ApiError>;
// Called exactly once, on the event thread, now or later.
using Reply = std::function<void(Answer)>;

enum class Pace { kFast, kAws };  // as fast as the engines can; AWS's typical durations

// A child process of a service: an engine or a task. Standard output and error go to `log`.
struct ChildSpec {
  std::vector<std::string> argv;                                 // argv[0] is an absolute path
  std::vector<std::pair<std::string, std::string>> environment;  // added to a minimal one
  std::filesystem::path directory;
  std::filesystem::path log;
  // Programs that are not ours run as the unprivileged user; this one may be where that user cannot
  // go.
  enum class User { kEngine, kLab } user = User::kEngine;
};
using ChildId = std::uint64_t;
struct ExitStatus {
  int code = 0;    // exit code, or -1
  int signal = 0;  // signal that ended it, or 0
};

// Whether the server behind an endpoint is told who connects, by a header of the PROXY protocol
// (version 1) ahead of the connection's own bytes.
enum class Origin : std::uint8_t { kHidden, kTold };

// The lab's network as a service sees it. Every engine listens on a Unix socket only; the network
// process owns each public address and carries every byte, so that latency, cuts and darkness are
// real.
struct PublicEndpoint {
  std::string name;     // unique in the Region: "rds:orders"
  std::string address;  // literal loopback address in the Region's block
  std::uint16_t port = 0;
  std::filesystem::path backend;  // Unix socket that is connected for every arrival
  // Only for the global plane: the lab Region whose faults (kill, dark, isolate, slow) the endpoint
  // shares, as an ARC cluster endpoint does. Empty: the publisher's own Region; for the global
  // plane, none.
  std::string region;
  Origin origin = Origin::kHidden;
};
class Network {
 public:
  virtual ~Network() = default;
  // A free address of this Region's block, the same one for the same `name` in every run.
  virtual std::string AddressFor(std::string_view name) = 0;
  // Publishes or republishes. Unreachable backends refuse connections, as a host without a listener
  // does.
  virtual void Publish(const PublicEndpoint& endpoint) = 0;
  virtual void Withdraw(std::string_view name) = 0;
  // Source networks ("0.0.0.0/0", "127.2.0.0/16") that may open new connections to the endpoint;
  // others meet silence, as behind a security group. Open connections live on. An endpoint starts
  // with "0.0.0.0/0".
  virtual void SetIngress(std::string_view name, std::vector<std::string> cidrs) = 0;
  // A local address and port in this Region from which every connection is carried, with the link's
  // latency and cuts, to address:port in `to_region`. The same for the same arguments.
  virtual std::pair<std::string, std::uint16_t> Link(std::string_view to_region,
                                                     std::string_view address,
                                                     std::uint16_t port) = 0;
  // Whether the lab's Region is killed or dark, as the network knows it at this instant. False for
  // a Region that is not in the lab.
  virtual bool IsDark(std::string_view region) const = 0;
};

class Service;
class Credentials;

class Host {
 public:
  virtual ~Host() = default;
  virtual const std::string& region() const = 0;   // "us-east-1"; "global" in the global plane
  virtual const std::string& account() const = 0;  // "123456789012"
  virtual Pace pace() const = 0;
  virtual const ports::Clock& clock()
      const = 0;  // this Region's clock: `leeward-lab clock` skews it
  virtual ports::Random& random() = 0;
  virtual Network& network() = 0;
  // A directory of the named service in this Region; kept over kill and heal.
  virtual std::filesystem::path StateDirectory(std::string_view service) = 0;
  // The unprivileged user that engines run as when the lab runs as root; empty otherwise. Children
  // started with Spawn run as it by themselves; files they need must be given to it with
  // GiveToEngine.
  virtual base::Status GiveToEngine(const std::filesystem::path& path) = 0;

  // Runs `then` on the event thread after `delay`.
  virtual void After(base::Duration delay, std::function<void()> then) = 0;
  // Runs `work` on a worker thread, then `done` on the event thread. At most 8 at once, in order.
  virtual void RunBlocking(std::function<void()> work, std::function<void()> done) = 0;
  // Starts a child that dies with this process. `exited` runs on the event thread.
  virtual base::Result<ChildId> Spawn(const ChildSpec& spec,
                                      std::function<void(ExitStatus)> exited) = 0;
  virtual void Signal(ChildId child, int signal) = 0;
  // Runs `then` soon on the event thread. The only member that may be called from any thread.
  virtual void Post(std::function<void()> then) = 0;
  // The Unix socket on which this process answers AWS requests; a backend for endpoints of its own.
  virtual std::filesystem::path ApiSocket() const = 0;
  // The --dns address of the lab, "127.0.0.1:5353"; for the global plane, empty elsewhere.
  virtual std::string DnsAddress() const = 0;
  // The lab's keys (lab/core/credentials.h).
  virtual const Credentials& credentials() const = 0;
  // What the lab's processes show each other in the header X-Leeward-Token; empty where there is no
  // lab.
  virtual std::string InternalToken() const { return ""; }
  // GETs `target` from a process of this Region that answers HTTP on a Unix socket, showing it
  // InternalToken. `done` gets the body, on the event thread, later; it does not run once this
  // process is going.
  virtual void AskProcess(const std::filesystem::path& socket, std::string_view target,
                          base::Duration deadline,
                          std::function<void(base::Result<std::string>)> done);
  // POSTs `body` in the same way; `done` gets the answer, whatever its status.
  virtual void TellProcess(const std::filesystem::path& socket, std::string_view target,
                           std::string body, base::Duration deadline,
                           std::function<void(base::Result<ports::HttpResponse>)> done);
  // What `leeward-lab status` says of a process that a service keeps: "up", or what is wrong with
  // it. An empty state takes it off the list.
  virtual void Report(std::string_view /*part*/, std::string_view /*state*/) {}
  // Another service in this process, or nullptr.
  virtual Service* Find(std::string_view name) = 0;
  // Calls a service in another Region (or "global") through the lab's network; ApiError with code
  // "RequestTimeout" and status 0 when the other side does not answer within `deadline`.
  virtual void CallRegion(std::string_view region, std::string_view service,
                          std::string_view operation, shapes::Value input, base::Duration deadline,
                          Reply reply) = 0;
};

// What was done to a Region's process that a service may have to hand on.
struct RegionFaults {
  base::Duration clock_offset{0};
  bool control_plane_down = false;
};

class Service {
 public:
  virtual ~Service() = default;
  // Folder name in aws_models: "rds". Services that only answer their siblings have no model.
  virtual std::string_view name() const = 0;
  // Operations it answers; every other one of the model is refused by name before it gets here.
  virtual std::vector<std::string_view> operations() const = 0;
  // Whether the operation goes on while the Region's control plane is down.
  virtual bool IsData(std::string_view /*operation*/) const { return false; }
  virtual void Handle(const Call& call, Reply reply) = 0;
  // Reads its saved state and starts what was running, after the process (re)starts.
  virtual base::Status Start() = 0;
  // Whether what Start began is as far as it gets; the lab is not up before. Asked again and again.
  virtual bool Settled() const { return true; }
  // Told whenever they change, before the command that changed them is answered.
  virtual void Hear(const RegionFaults& /*faults*/) {}
  // Operations that only other Regions of this lab may call through Host::CallRegion (no model
  // needed).
  virtual void HandleInternal(std::string_view operation, const shapes::Value& input, Reply reply);
};

// Makes the service; `host` outlives it.
using ServiceFactory = std::unique_ptr<Service> (*)(Host& host);

enum class Place {
  kRegion,  // one in each Region's process
  kGlobal,  // one in the global plane
};
struct ServiceEntry {
  std::string_view name;
  Place place;
  // For kGlobal: the Region whose loss takes the control plane away ("us-east-1"); empty: none.
  std::string_view control_plane;
  ServiceFactory make;
};

// "arn:aws:rds:us-east-1:123456789012:db:orders".
std::string Arn(const Host& host, std::string_view service, std::string_view resource);

}  // namespace leeward::lab
