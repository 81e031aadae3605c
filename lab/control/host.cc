#include "lab/control/host.h"

#include <fmt/format.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>

#include "lab/core/engine_user.h"
#include "os/process.h"

namespace leeward::lab {
namespace {

using shapes::Value;

constexpr std::string_view kSourceLibrary = "libleeward-lab-source.so";
constexpr std::size_t kMaxWorkers = 8;
constexpr base::Duration kReapEvery = std::chrono::seconds(5);

}  // namespace

Value AnswerToValue(const Answer& answer) {
  if (const auto* value = std::get_if<Value>(&answer)) return Value::Struct({{"value", *value}});
  const auto& error = std::get<ApiError>(answer);
  return Value::Struct({{"error", Value::Struct({{"code", error.code},
                                                 {"message", error.message},
                                                 {"status", error.http_status},
                                                 {"members", error.members}})}});
}

Answer AnswerFromValue(const Value& value) {
  if (const Value* error = value.Find("error")) {
    return ApiError{std::string(error->String("code")), std::string(error->String("message")),
                    static_cast<int>(error->Int("status")), error->Sub("members")};
  }
  return value.Sub("value");
}

LabHost::LabHost(os::EventLoop& loop, LabConfig config, std::string region,
                 std::unique_ptr<NetworkClient> network)
    : loop_(loop),
      config_(std::move(config)),
      region_(std::move(region)),
      network_(std::move(network)),
      credentials_(config_.credentials),
      workers_(kMaxWorkers) {
  ReapOrphans();
  InstallSource();
}

LabHost::~LabHost() = default;

void LabHost::AddService(std::unique_ptr<Service> service) {
  services_.push_back(std::move(service));
}

base::Status LabHost::StartServices() {
  for (const auto& service : services_) {
    base::Status status = service->Start();
    if (!status.ok()) return std::move(status).error().Context(service->name());
  }
  return base::Ok();
}

bool LabHost::Settled() const {
  return std::all_of(services_.begin(), services_.end(),
                     [](const auto& service) { return service->Settled(); });
}

void LabHost::Hear(const RegionFaults& faults) {
  for (const auto& service : services_) service->Hear(faults);
}

std::vector<KnowsItemStores::Peer> LabHost::ItemStoresElsewhere() {
  std::vector<Peer> peers;
  for (const std::string& region : config_.regions) {
    if (region == region_) continue;
    const auto [address, port] = network_->Link(region, config_.ItemsAddress(region), kItemsPort);
    peers.push_back({region, address, port});
  }
  return peers;
}

void LabHost::OnReport(std::function<void(const Value&)> then) {
  reported_ = std::move(then);
  reported_(parts_);
}

void LabHost::AskProcess(const std::filesystem::path& socket, std::string_view target,
                         base::Duration deadline,
                         std::function<void(base::Result<std::string>)> done) {
  os::HttpCallOptions options;
  options.to = {"", 0, socket.string()};
  options.deadline = deadline;
  ports::HttpRequest request;
  request.url = target;
  request.headers = {{"Host", "leeward"}, {std::string(kInternalHeader), config_.internal_token}};
  const std::uint64_t id = next_call_++;
  calls_[id] = os::HttpCall::Start(
      loop_, options, request,
      [this, id, done = std::move(done)](base::Result<ports::HttpResponse> result) {
        // Later: the call is still on the stack.
        loop_.Post([this, id] { calls_.erase(id); });
        if (!result.ok()) return done(result.error());
        if (result->status != 200)
          return done(base::ServiceBroken(fmt::format("answered {}", result->status)));
        done(std::move(result->body));
      });
}

void LabHost::TellProcess(const std::filesystem::path& socket, std::string_view target,
                          std::string body, base::Duration deadline,
                          std::function<void(base::Result<ports::HttpResponse>)> done) {
  os::HttpCallOptions options;
  options.to = {"", 0, socket.string()};
  options.deadline = deadline;
  ports::HttpRequest request;
  request.method = "POST";
  request.url = target;
  request.headers = {{"Host", "leeward"}, {std::string(kInternalHeader), config_.internal_token}};
  request.body = std::move(body);
  const std::uint64_t id = next_call_++;
  calls_[id] = os::HttpCall::Start(
      loop_, options, request,
      [this, id, done = std::move(done)](base::Result<ports::HttpResponse> result) {
        // Later: the call is still on the stack.
        loop_.Post([this, id] { calls_.erase(id); });
        done(std::move(result));
      });
}

void LabHost::Report(std::string_view part, std::string_view state) {
  if (parts_.String(part) == state) return;
  state.empty() ? parts_.Erase(part) : static_cast<void>(parts_.Set(part, state));
  if (reported_) reported_(parts_);
}

std::filesystem::path LabHost::StateDirectory(std::string_view service) {
  std::filesystem::path path = std::filesystem::path(config_.state) / "regions" / region_ / service;
  std::error_code error;
  std::filesystem::create_directories(path, error);
  using std::filesystem::perms;
  // Engines of another user must be able to walk through.
  std::filesystem::permissions(path, perms::owner_all | perms::group_exec | perms::others_exec,
                               error);
  if (error) spdlog::error("{}: {}", path.string(), error.message());
  return path;
}

base::Status LabHost::GiveToEngine(const std::filesystem::path& path) {
  return GiveToEngineUser(path);
}

void LabHost::After(base::Duration delay, std::function<void()> then) {
  loop_.After(delay, std::move(then));
}

void LabHost::RunBlocking(std::function<void()> work, std::function<void()> done) {
  workers_.Run([this, work = std::move(work), done = std::move(done)]() mutable {
    work();
    loop_.Post(std::move(done));
  });
}

void LabHost::InstallSource() {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  const std::string to = config_.File("run/source-" + region_ + ".so");
  if (!error)
    fs::copy_file(program.parent_path() / kSourceLibrary, to, fs::copy_options::overwrite_existing,
                  error);
  if (!error)
    fs::permissions(to, fs::perms::owner_all | fs::perms::group_read | fs::perms::others_read,
                    error);
  if (error)
    return spdlog::warn("{}: children's connections seem to come from outside: {}", to,
                        error.message());
  source_library_ = to;
}

base::Result<ChildId> LabHost::Spawn(const ChildSpec& spec,
                                     std::function<void(ExitStatus)> exited) {
  os::ProcessSpec process = ToProcess(spec);
  if (!source_library_.empty()) {
    process.environment.emplace_back("LD_PRELOAD", source_library_);
    process.environment.emplace_back("LEEWARD_SOURCE_ADDRESS", config_.ApiAddress(region_));
  }
  ASSIGN_OR_RETURN(const pid_t pid, os::StartProcess(process));
  const ChildId id = next_child_++;
  Child& child = children_[id];
  child.pid = pid;
  child.exited = std::move(exited);
  child.watch = std::make_unique<os::Descriptor>(loop_, os::OpenPidDescriptor(pid));
  child.watch->OnReadable([this, id] { ChildEnded(id); });
  return id;
}

void LabHost::ChildEnded(ChildId id) {
  Child& child = children_.at(id);
  const auto exit = os::PollExit(child.pid);
  if (!exit) {
    child.watch->OnReadable([this, id] { ChildEnded(id); });
    return;
  }
  const auto exited = std::move(child.exited);
  children_.erase(id);
  if (exited) exited({exit->code, exit->signal});
}

// What tasks leave running is handed to this process, and must be taken off the table when it ends.
void LabHost::ReapOrphans() {
  std::set<pid_t> known;
  for (const auto& [id, child] : children_) known.insert(child.pid);
  os::ReapExcept(known);
  loop_.After(kReapEvery, [this] { ReapOrphans(); });
}

void LabHost::Signal(ChildId child, int signal) {
  const auto found = children_.find(child);
  if (found == children_.end()) return;
  // SIGKILL leaves no chance to tell one's own children, so it goes to all of the group.
  kill(signal == SIGKILL ? -found->second.pid : found->second.pid, signal);
}

void LabHost::Post(std::function<void()> then) { loop_.Post(std::move(then)); }

std::string LabHost::DnsAddress() const { return region_ == kGlobal ? config_.dns : ""; }

Service* LabHost::Find(std::string_view name) {
  for (const auto& service : services_) {
    if (service->name() == name) return service.get();
  }
  return nullptr;
}

// From a Region over a link, so that latency and faults apply; from the global plane straight to
// the address.
os::HttpCallOptions LabHost::RouteTo(std::string_view region) {
  os::HttpCallOptions options;
  const std::string address = config_.ApiAddress(region);
  if (region_ == kGlobal) {
    options.to = {address, kApiPort, ""};
    options.source = config_.ApiAddress(kGlobal);
    return options;
  }
  const auto [near, port] = network_->Link(region, address, kApiPort);
  options.to = {near, port, ""};
  return options;
}

void LabHost::CallRegion(std::string_view region, std::string_view service,
                         std::string_view operation, Value input, base::Duration deadline,
                         Reply reply) {
  if (region == region_) {
    Service* here = Find(service);
    if (here != nullptr) return here->HandleInternal(operation, input, std::move(reply));
    return reply(
        ApiError{"ServiceUnavailable", fmt::format("{} is not in {}", service, region), 503, {}});
  }
  if (region != kGlobal && !config_.HasRegion(region)) {
    return reply(ApiError{
        "InvalidParameterValue", fmt::format("{} is not a Region of this lab", region), 400, {}});
  }
  os::HttpCallOptions options = RouteTo(region);
  options.deadline = deadline;
  ports::HttpRequest request;
  request.method = "POST";
  request.url = fmt::format("{}{}/{}", kInternalPath, service, operation);
  request.headers = {{"Host", "leeward"}, {std::string(kInternalHeader), config_.internal_token}};
  request.body = shapes::ToJson(input);
  const std::uint64_t id = next_call_++;
  auto done = [this, id, reply = std::move(reply),
               name = std::string(region)](base::Result<ports::HttpResponse> result) {
    // Later: the call is still on the stack.
    loop_.Post([this, id] { calls_.erase(id); });
    if (!result.ok())
      return reply(ApiError{"RequestTimeout", name + ": " + result.error().message(), 0, {}});
    const auto value = shapes::FromJson(result->body);
    if (result->status != 200 || !value.ok()) {
      return reply(ApiError{
          "ServiceUnavailable", fmt::format("{} answered {}", name, result->status), 503, {}});
    }
    reply(AnswerFromValue(*value));
  };
  calls_[id] = os::HttpCall::Start(loop_, options, request, std::move(done));
}

}  // namespace leeward::lab
