// Loads a DynamoDB endpoint and says how it bore it: the same client for every server that
// bench/items.py compares.
//
// One thread, a fixed number of connections, one request at a time on each. Requests are signed,
// all of them: either before the clock starts (--prepared, so that the client leaves the machine to
// the server) or as they are sent.
#include <errno.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "os/clock.h"
#include "os/socket.h"

namespace leeward::bench {
namespace {

using base::Duration;

constexpr std::size_t kReadSize = 64 << 10;
constexpr int kEventsPerWake = 64;
constexpr base::Duration kConnectLimit = std::chrono::seconds(5);

struct Options {
  std::string to = "127.0.0.1:8000";
  std::string operation = "PutItem";
  std::string table = "bench";
  std::string region = "us-east-1";
  std::string access_key = "test";
  std::string secret_key = "test";
  std::string prefix = "item";
  int connections = 32;
  int size = 1024;         // bytes of an item, about
  std::int64_t first = 0;  // number of the first item
  std::int64_t items = 10'000;
  std::int64_t stride = 1;  // from one item to the next, around among `items`
  std::int64_t turn = 0;    // that the first request has; a later run goes on where this one ended
  std::int64_t requests = 50'000;
  double seconds = 0;  // 0: until `requests` are answered
  bool prepared = false;
  bool awake = false;  // looks for answers all the time: nobody pays for waking the client
};

// The signing key lives for a day; a run is shorter.
class Signer {
 public:
  explicit Signer(const Options& options) : options_(options) {
    date_ = base::FormatAmzDate(os::SystemClock().Now());
    const std::string day = date_.substr(0, 8);
    scope_ = fmt::format("{}/{}/dynamodb/aws4_request", day, options.region);
    auto key = base::HmacSha256("AWS4" + options.secret_key, day);
    for (const std::string_view part :
         {std::string_view(options.region), std::string_view("dynamodb"),
          std::string_view("aws4_request")}) {
      key = base::HmacSha256(base::AsView(key), part);
    }
    key_ = base::AsView(key);
  }

  std::string Request(std::string_view body) const {
    const std::string target = "DynamoDB_20120810." + options_.operation;
    const std::string canonical = fmt::format(
        "POST\n/\n\ncontent-type:application/"
        "x-amz-json-1.0\nhost:{}\nx-amz-date:{}\nx-amz-target:{}\n\n"
        "content-type;host;x-amz-date;x-amz-target\n{}",
        options_.to, date_, target, base::Sha256Hex(body));
    const std::string text =
        fmt::format("AWS4-HMAC-SHA256\n{}\n{}\n{}", date_, scope_, base::Sha256Hex(canonical));
    const std::string signature = base::HexEncode(base::AsView(base::HmacSha256(key_, text)));
    return fmt::format(
        "POST / HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-amz-json-1.0\r\nX-Amz-Date: "
        "{}\r\nX-Amz-Target: {}\r\n"
        "Authorization: AWS4-HMAC-SHA256 Credential={}/{}, "
        "SignedHeaders=content-type;host;x-amz-date;x-amz-target, "
        "Signature={}\r\nContent-Length: {}\r\n\r\n{}",
        options_.to, date_, target, options_.access_key, scope_, signature, body.size(), body);
  }

 private:
  const Options& options_;
  std::string date_;
  std::string scope_;
  std::string key_;
};

std::string Body(const Options& options, std::int64_t number) {
  const std::string key = fmt::format("{}-{:010}", options.prefix, number);
  if (options.operation == "GetItem") {
    return fmt::format(R"({{"TableName":"{}","Key":{{"id":{{"S":"{}"}}}}}})", options.table, key);
  }
  constexpr int kBesidesPayload = 64;
  std::string payload;
  const auto size = static_cast<std::size_t>(std::max(1, options.size - kBesidesPayload));
  while (payload.size() < size)
    payload += fmt::format("{:08x}", (number + 1) * 2654435761U + payload.size());
  payload.resize(size);
  return fmt::format(
      R"({{"TableName":"{}","Item":{{"id":{{"S":"{}"}},"number":{{"N":"{}"}},"payload":{{"S":"{}"}}}}}})",
      options.table, key, number, payload);
}

struct Connection {
  int socket = -1;
  std::string request;
  std::size_t sent = 0;
  std::string input;
  base::MonotonicTime began;
};

class Load {
 public:
  explicit Load(const Options& options) : options_(options), signer_(options) {}

  base::Status Run() {
    if (options_.prepared) {
      const std::int64_t different =
          options_.seconds > 0 ? options_.items : std::min(options_.items, options_.requests);
      for (std::int64_t i = 0; i < different; ++i)
        prepared_.push_back(signer_.Request(Body(options_, options_.first + Number(i))));
    }
    latencies_.reserve(static_cast<std::size_t>(options_.requests));
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    connections_.resize(static_cast<std::size_t>(options_.connections));
    for (Connection& connection : connections_) RETURN_IF_ERROR(Connect(connection));
    start_ = clock_.Monotonic();
    for (Connection& connection : connections_) RETURN_IF_ERROR(Begin(connection));
    while (outstanding_ > 0) RETURN_IF_ERROR(Turn());
    took_ = clock_.Monotonic() - start_;
    return base::Ok();
  }

  void Print() {
    std::sort(latencies_.begin(), latencies_.end());
    const auto at = [&](double share) {
      if (latencies_.empty()) return 0.0;
      const auto index =
          std::min(latencies_.size() - 1,
                   static_cast<std::size_t>(share * static_cast<double>(latencies_.size())));
      return static_cast<double>(latencies_[index].count()) / 1e6;
    };
    const double seconds = static_cast<double>(took_.count()) / 1e9;
    fmt::print(
        R"({{"operation":"{}","answers":{},"errors":{},"seconds":{:.3f},"per_second":{:.0f},)"
        R"("p50_ms":{:.3f},"p99_ms":{:.3f},"p999_ms":{:.3f},"max_ms":{:.3f},"first_error":"{}"}})"
        "\n",
        options_.operation, latencies_.size(), errors_, seconds,
        static_cast<double>(latencies_.size()) / seconds, at(0.5), at(0.99), at(0.999), at(1),
        first_error_);
  }

  std::int64_t errors() const { return errors_; }

 private:
  base::Status Connect(Connection& connection) {
    ASSIGN_OR_RETURN(const os::Address to, os::Address::ParseHostPort(options_.to));
    ASSIGN_OR_RETURN(connection.socket, os::StartConnect(to));
    pollfd ready{connection.socket, POLLOUT, 0};
    if (poll(&ready, 1, static_cast<int>(base::Millis(kConnectLimit))) != 1)
      return base::Unreachable(options_.to + " does not answer");
    RETURN_IF_ERROR(os::ConnectOutcome(connection.socket, to));
    const int on = 1;
    setsockopt(connection.socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &connection;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.socket, &event);
    return base::Ok();
  }

  std::int64_t Number(std::int64_t request) const {
    const std::int64_t turn = options_.turn + request;
    return turn % options_.items * options_.stride % options_.items;
  }

  bool Over(base::MonotonicTime now) const {
    if (options_.seconds > 0)
      return static_cast<double>((now - start_).count()) / 1e9 >= options_.seconds;
    return begun_ >= options_.requests;
  }

  base::Status Begin(Connection& connection) {
    connection.began = clock_.Monotonic();
    if (Over(connection.began)) return base::Ok();
    const std::int64_t turn = begun_++;
    if (options_.prepared) {
      request_ = prepared_[static_cast<std::size_t>(turn) % prepared_.size()];
    } else {
      connection.request = signer_.Request(Body(options_, options_.first + Number(turn)));
      request_ = connection.request;
    }
    ++outstanding_;
    for (std::size_t sent = 0; sent < request_.size();) {
      const ssize_t got =
          send(connection.socket, request_.data() + sent, request_.size() - sent, MSG_NOSIGNAL);
      if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
      if (got < 0) return base::Unreachable(fmt::format("cannot send: {}", strerror(errno)));
      sent += static_cast<std::size_t>(got);
    }
    return base::Ok();
  }

  base::Status Turn() {
    epoll_event events[kEventsPerWake];
    const int count = epoll_wait(epoll_, events, kEventsPerWake, options_.awake ? 0 : -1);
    for (int i = 0; i < count; ++i)
      RETURN_IF_ERROR(Read(*static_cast<Connection*>(events[i].data.ptr)));
    return base::Ok();
  }

  base::Status Read(Connection& connection) {
    char buffer[kReadSize];
    const ssize_t got = recv(connection.socket, buffer, sizeof buffer, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return base::Ok();
    if (got <= 0) return base::Unreachable("the server closed a connection with a request on it");
    std::string_view text(buffer, static_cast<std::size_t>(got));
    if (!connection.input.empty()) {
      connection.input += text;
      text = connection.input;
    }
    const auto whole = WholeAnswer(text);
    if (!whole) {
      if (connection.input.empty()) connection.input = text;
      return base::Ok();
    }
    latencies_.push_back(clock_.Monotonic() - connection.began);
    Judge(text);
    const bool again = SaysItCloses(text);
    connection.input.clear();
    --outstanding_;
    if (again) {
      close(connection.socket);
      RETURN_IF_ERROR(Connect(connection));
    }
    return Begin(connection);
  }

  static bool WholeAnswer(std::string_view text) {
    const auto head = text.find("\r\n\r\n");
    if (head == std::string_view::npos) return false;
    const std::string_view fields = text.substr(0, head);
    for (const std::string_view name :
         {std::string_view("\r\nContent-Length: "), std::string_view("\r\ncontent-length: ")}) {
      const auto at = fields.find(name);
      if (at == std::string_view::npos) continue;
      std::size_t length = 0;
      std::from_chars(fields.data() + at + name.size(), fields.data() + fields.size(), length);
      return text.size() >= head + 4 + length;
    }
    return text.ends_with("0\r\n\r\n");
  }

  // Some servers, moto among them, take one request a connection.
  static bool SaysItCloses(std::string_view text) {
    return text.substr(0, text.find("\r\n\r\n")).find("\r\nConnection: close") !=
           std::string_view::npos;
  }

  void Judge(std::string_view text) {
    const bool good = text.starts_with("HTTP/1.1 200");
    const bool item =
        options_.operation != "GetItem" || text.find("\"Item\"") != std::string_view::npos;
    if (good && item) return;
    if (errors_++ > 0) return;
    const auto head = text.find("\r\n\r\n");
    for (const char c : text.substr(head + 4, 200))
      first_error_ += c == '"' || c == '\\' || c < ' ' ? '\'' : c;
  }

  const Options& options_;
  Signer signer_;
  os::SystemClock clock_;
  int epoll_ = -1;
  std::vector<std::string> prepared_;
  std::vector<Connection> connections_;
  std::vector<Duration> latencies_;
  std::string_view request_;
  base::MonotonicTime start_;
  Duration took_{0};
  std::int64_t begun_ = 0;
  std::int64_t outstanding_ = 0;
  std::int64_t errors_ = 0;
  std::string first_error_;
};

int Main(int argc, char** argv) {
  Options options;
  CLI::App app{"Loads a DynamoDB endpoint and prints one line of JSON.", "items_load"};
  app.add_option("--to", options.to, "HOST:PORT")->capture_default_str();
  app.add_option("--operation", options.operation, "PutItem or GetItem")
      ->check(CLI::IsMember({"PutItem", "GetItem"}));
  app.add_option("--table", options.table, "its key is `id`, a string")->capture_default_str();
  app.add_option("--region", options.region)->capture_default_str();
  app.add_option("--access-key", options.access_key)->capture_default_str();
  app.add_option("--secret-key", options.secret_key)->capture_default_str();
  app.add_option("--prefix", options.prefix, "of the keys")->capture_default_str();
  app.add_option("--connections", options.connections)
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  app.add_option("--size", options.size, "bytes of an item")->capture_default_str();
  app.add_option("--first", options.first, "number of the first item");
  app.add_option("--items", options.items, "how many items in turn")->capture_default_str();
  app.add_option("--stride", options.stride, "from one item to the next")
      ->check(CLI::PositiveNumber);
  app.add_option("--turn", options.turn, "that the first request has, of those that stride")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--requests", options.requests, "how many requests")->capture_default_str();
  app.add_option("--seconds", options.seconds, "for how long, in place of how many");
  app.add_flag("--awake", options.awake,
               "never sleep, so that the server's time is without wake-ups");
  app.add_flag("--prepared", options.prepared, "sign before the clock starts");
  CLI11_PARSE(app, argc, argv);
  Load load(options);
  const base::Status done = load.Run();
  if (!done.ok()) {
    fmt::print(stderr, "items_load: {}\n", done.error().message());
    return 1;
  }
  load.Print();
  return load.errors() == 0 ? 0 : 3;
}

}  // namespace
}  // namespace leeward::bench

int main(int argc, char** argv) { return leeward::bench::Main(argc, argv); }
