#include "lab/dynamo/process.h"

#include <signal.h>
#include <spdlog/spdlog.h>

#include <deque>

#include "lab/dynamo/front.h"
#include "lab/dynamo/http_peers.h"
#include "lab/dynamo/keys_file.h"
#include "lab/dynamo/region_clock.h"
#include "lab/dynamo/replicas_file.h"
#include "lab/replicas/keeper.h"
#include "os/event_loop.h"
#include "os/files.h"
#include "os/http_server.h"
#include "os/random.h"
#include "shapes/value.h"

namespace leeward::lab::dynamo {
namespace {

using shapes::Value;

constexpr std::size_t kMaxMetrics = 10'000;  // between two pulses
constexpr std::string_view kStrongTransaction =
    R"({"__type":"com.amazon.coral.validate#ValidationException",)"
    R"("message":"Transactions are not supported on multi-Region strongly consistent global tables"})";
constexpr std::string_view kInternalPrefix = "/.leeward/";

class Process {
 public:
  explicit Process(const ItemsOptions& options)
      : options_(options), credentials_(options.credentials) {}

  base::Status Start() {
    if (!options_.faults.empty()) RETURN_IF_ERROR(clock_.Follow(options_.faults));
    RETURN_IF_ERROR(files_.MakeDirectories(options_.directory));
    if (!options_.peers.empty()) RETURN_IF_ERROR(MakeKeeper());
    ASSIGN_OR_RETURN(engine_, tables::Engine::Open(EngineOptions()));
    if (keeper_ != nullptr) RETURN_IF_ERROR(keeper_->Start(*engine_));
    front_ = std::make_unique<Front>(FrontOptions{
        &credentials_, &clock_, &random_, options_.region, options_.credentials.account,
        [this] { return clock_.control_plane_down(); },
        [this](const ItemCall& call, const tables::WireReply& reply) { Pass(call, reply); }});
    ASSIGN_OR_RETURN(server_, os::HttpServer::Start(loop_, options_.listen,
                                                    [this](auto exchange) { Handle(exchange); }));
    return base::Ok();
  }

  os::Address address() const { return server_->address(); }
  void Run() {
    loop_.OnSignals({SIGTERM, SIGINT}, [this](int) { loop_.Stop(); });
    loop_.Run();
  }

 private:
  tables::EngineOptions EngineOptions() {
    tables::EngineOptions options;
    options.directory = options_.directory;
    options.region = options_.region;
    options.account = options_.credentials.account;
    options.pace = options_.pace;
    options.clock = &clock_;
    options.random = &random_;
    options.after = [this](base::Duration delay, std::function<void()> then) {
      loop_.After(delay, std::move(then));
    };
    options.soon = [this](std::function<void()> then) { loop_.Post(std::move(then)); };
    options.metric = [this](const tables::Metric& metric) { Keep(metric); };
    options.replicas = keeper_.get();
    if (!options_.keys.empty()) options.keys = [this](std::string_view name) { return Key(name); };
    return options;
  }

  // A file that cannot be read has no keys: nothing is made under one that nobody saw.
  std::optional<tables::EncryptionKey> Key(std::string_view name) {
    auto key = FindKey(name, options_.keys, files_);
    if (key.ok()) return *std::move(key);
    spdlog::error("keys: {}", key.error().message());
    return std::nullopt;
  }

  // Alone there are no other Regions, and requests that name replicas are refused.
  base::Status MakeKeeper() {
    peers_ = std::make_unique<HttpPeers>(loop_, options_);
    const std::string file = options_.directory + "-replicas.json";
    replicas::KeeperOptions options;
    options.region = options_.region;
    options.peers = peers_.get();
    options.clock = &clock_;
    options.random = &random_;
    options.after = [this](base::Duration delay, std::function<void()> then) {
      loop_.After(delay, std::move(then));
    };
    options.metric = [this](const tables::Metric& metric) { Keep(metric); };
    options.save = [file](const std::string& text) {
      const base::Status saved = SaveReplicas(file, text);
      if (!saved.ok()) spdlog::error("replicas: {}", saved.error().message());
    };
    ASSIGN_OR_RETURN(options.saved, LoadReplicas(file, files_));
    keeper_ = std::make_unique<replicas::Keeper>(std::move(options));
    return base::Ok();
  }

  void Handle(const std::shared_ptr<os::HttpExchange>& exchange) {
    if (exchange->request().target.starts_with(kInternalPrefix)) return HandleInternal(exchange);
    front_->Handle(exchange);
  }

  void Pass(const ItemCall& call, const tables::WireReply& reply) {
    if (call.target.api == Api::kStreams)
      return engine_->HandleStreams(call.target.operation, call.body, call.caller, reply);
    if (IsStrongTransaction(call)) return reply({400, std::string(kStrongTransaction)});
    engine_->Handle(call.target.operation, call.body, call.caller, reply);
  }

  bool IsStrongTransaction(const ItemCall& call) const {
    if (keeper_ == nullptr || !call.target.operation.starts_with("Transact") ||
        !keeper_->AnyStrong())
      return false;
    const auto input = shapes::FromJson(call.body);
    return input.ok() && keeper_->NamesStrong(*input);
  }

  void HandleInternal(const std::shared_ptr<os::HttpExchange>& exchange) {
    const os::HttpServerRequest& request = exchange->request();
    if (options_.internal_token.empty() || request.Header(kTokenHeader) != options_.internal_token)
      return exchange->Reply({403, {}, ""});
    if (request.target.starts_with(kReplicasPath)) return AskKeeper(exchange);
    if (request.target.starts_with(kBackupPartsPath)) return AskForPart(exchange);
    if (request.target.starts_with(kOperationsPath)) return RunForRegion(exchange);
    if (request.target != kPulsePath) return exchange->Reply({404, {}, ""});
    Value::List metrics(std::make_move_iterator(metrics_.begin()),
                        std::make_move_iterator(metrics_.end()));
    metrics_.clear();
    exchange->Reply({200,
                     {{"Content-Type", "application/json"}},
                     shapes::ToJson(Value::Struct({{"metrics", std::move(metrics)}}))});
  }

  void AskForPart(const std::shared_ptr<os::HttpExchange>& exchange) {
    const auto input = shapes::FromJson(exchange->request().body);
    if (!input.ok()) return exchange->Reply({404, {}, ""});
    const std::string_view operation =
        std::string_view(exchange->request().target).substr(kBackupPartsPath.size());
    exchange->Reply({200,
                     {{"Content-Type", "application/json"}},
                     PeerAnswerToJson(engine_->HandleBackupParts(operation, *input))});
  }

  // What the Region's own process asks for is signed by nobody.
  void RunForRegion(const std::shared_ptr<os::HttpExchange>& exchange) {
    const std::string_view operation =
        std::string_view(exchange->request().target).substr(kOperationsPath.size());
    const std::string arn = "arn:aws:iam::" + options_.credentials.account + ":root";
    const tables::Caller caller{arn, options_.credentials.account, ""};
    engine_->Handle(
        operation, exchange->request().body, caller, [exchange](tables::WireAnswer answer) {
          exchange->Reply(
              {answer.status, {{"Content-Type", "application/json"}}, std::move(answer.body)});
        });
  }

  void AskKeeper(const std::shared_ptr<os::HttpExchange>& exchange) {
    const auto input = shapes::FromJson(exchange->request().body);
    if (keeper_ == nullptr || !input.ok()) return exchange->Reply({404, {}, ""});
    const std::string_view operation =
        std::string_view(exchange->request().target).substr(kReplicasPath.size());
    keeper_->Receive(operation, *input, [exchange](const base::Result<Value>& answer) {
      exchange->Reply({200, {{"Content-Type", "application/json"}}, PeerAnswerToJson(answer)});
    });
  }

  void Keep(const tables::Metric& metric) {
    if (options_.internal_token.empty()) return;  // nobody asks
    Value dimensions = Value::Struct();
    for (const auto& [name, value] : metric.dimensions) dimensions.Set(name, value);
    if (metrics_.size() >= kMaxMetrics) metrics_.pop_front();
    metrics_.push_back(Value::Struct({{"name", metric.name},
                                      {"dimensions", std::move(dimensions)},
                                      {"unit", metric.unit},
                                      {"value", metric.value}}));
  }

  ItemsOptions options_;
  os::EventLoop loop_;
  os::SystemFiles files_;
  os::SystemRandom random_;
  RegionClock clock_;
  Credentials credentials_;
  std::deque<Value> metrics_;
  std::unique_ptr<HttpPeers> peers_;
  std::unique_ptr<replicas::Keeper> keeper_;
  std::unique_ptr<tables::Engine> engine_;
  std::unique_ptr<Front> front_;
  std::unique_ptr<os::HttpServer> server_;
};

}  // namespace

base::Status RunItems(const ItemsOptions& options,
                      const std::function<void(const os::Address&)>& ready) {
  signal(SIGPIPE, SIG_IGN);
  Process process(options);
  RETURN_IF_ERROR(process.Start());
  ready(process.address());
  process.Run();
  return base::Ok();
}

int RunItemsProcess(const std::string& options_file) {
  spdlog::flush_on(spdlog::level::info);
  os::SystemFiles files;
  const auto options = LoadItemsOptions(options_file, files);
  const base::Status ran =
      options.ok() ? RunItems(*options,
                              [&](const os::Address&) {
                                spdlog::info("the item store of {} is up", options->region);
                              })
                   : base::Status(options.error());
  if (ran.ok()) return 0;
  spdlog::error("item store: {}", ran.error().message());
  return 1;
}

}  // namespace leeward::lab::dynamo
