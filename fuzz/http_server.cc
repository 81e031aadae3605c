// What a client may send to the HTTP server that the daemon, the guard and the lab have in common.
// Bytes as they come over the socket; several requests may follow each other.
#include "os/http_server.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "base/check.h"
#include "fuzz/input.h"
#include "os/event_loop.h"

namespace leeward::fuzz {
namespace {

// Small, so that they are met.
constexpr os::HttpServerOptions kOptions{.max_head = 1024, .max_body = 512, .max_connections = 4};

bool IsLine(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

void Serve(const std::shared_ptr<os::HttpExchange>& exchange) {
  const os::HttpServerRequest& request = exchange->request();
  CHECK(!request.method.empty() && !request.target.empty());
  CHECK(IsLine(request.method) && IsLine(request.target));
  CHECK(request.body.size() <= kOptions.max_body);
  for (const auto& [name, value] : request.headers)
    CHECK(!name.empty() && IsLine(name) && IsLine(value));
  if (request.target == "/stream") {
    exchange->Begin({200, {}, ""});
    (void)exchange->Send(request.body);
  } else if (request.target != "/gone") {
    exchange->Reply({200, {{"Content-Type", "text/plain"}}, request.body});
  }
}

class Stand {
 public:
  Stand() : path_("/tmp/leeward-fuzz-http-" + std::to_string(getpid())) {
    auto server = os::HttpServer::Start(loop_, {"", 0, path_}, Serve, kOptions);
    CHECK(server.ok());
    server_ = std::move(*server);
  }
  ~Stand() { std::filesystem::remove(path_); }

  // Sends the bytes, and ends when the server has closed the connection.
  void Send(std::string_view bytes) {
    auto socket = os::StartConnect({"", 0, path_});
    CHECK(socket.ok());
    client_ = std::make_unique<os::Descriptor>(loop_, *socket);
    (void)send(*socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    shutdown(*socket, SHUT_WR);
    Read();
    loop_.Run();
    client_.reset();
  }

 private:
  void Read() {
    client_->OnReadable([this] {
      char buffer[4096];
      const ssize_t got = recv(client_->get(), buffer, sizeof buffer, 0);
      if (got > 0 || (got < 0 && errno == EAGAIN)) return Read();
      loop_.Stop();
    });
  }

  const std::string path_;
  os::EventLoop loop_;
  std::unique_ptr<os::HttpServer> server_;
  std::unique_ptr<os::Descriptor> client_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Stand stand;
  stand.Send(View(data, size));
  return 0;
}

}  // namespace leeward::fuzz
