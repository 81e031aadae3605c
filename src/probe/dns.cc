#include "probe/dns.h"

#include <arpa/inet.h>
#include <ldns/ldns.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>

namespace leeward::probe {
namespace {

constexpr std::size_t kMaxSystemServers = 3;
constexpr std::size_t kMaxMessage = 65535;

struct FreeResolver {
  void operator()(ldns_resolver* resolver) const { ldns_resolver_deep_free(resolver); }
};

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

std::optional<Address> ToAddress(const std::string& literal, std::uint16_t port) {
  Address address;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  if (::inet_pton(AF_INET, literal.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    address.length = sizeof(sockaddr_in);
    return address;
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (::inet_pton(AF_INET6, literal.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    address.length = sizeof(sockaddr_in6);
    return address;
  }
  return std::nullopt;
}

std::string Where(const DnsServer& server) {
  return "DNS server " + server.address + ":" + std::to_string(server.port);
}

base::Result<int> Open(const DnsServer& server, int type, const std::string& source) {
  std::optional<Address> to = ToAddress(server.address, server.port);
  if (!to) return base::Invalid("'" + server.address + "' is not an address of a DNS server");
  const int fd = ::socket(to->storage.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return base::Exhausted("no socket for a DNS question");
  std::optional<Address> from = source.empty() ? std::nullopt : ToAddress(source, 0);
  if (from && ::bind(fd, from->get(), from->length) != 0) {
    ::close(fd);
    return base::Invalid("cannot send DNS questions from " + source);
  }
  if (::connect(fd, to->get(), to->length) != 0 && errno != EINPROGRESS) {
    ::close(fd);
    return base::Unreachable(Where(server) + " cannot be reached");
  }
  return fd;
}

// Reads exactly `size` bytes from a stream.
base::Result<std::string> ReadExactly(int fd, std::size_t size, base::MonotonicTime deadline,
                                      const ports::Clock& clock, const Cancelled& cancelled) {
  std::string bytes;
  while (bytes.size() < size) {
    RETURN_IF_ERROR(WaitFor(fd, Ready::kRead, deadline, clock, cancelled));
    char buffer[4096];
    const ssize_t got = ::recv(fd, buffer, std::min(sizeof(buffer), size - bytes.size()), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (got <= 0) return base::Unreachable("DNS connection was closed");
    bytes.append(buffer, static_cast<std::size_t>(got));
  }
  return bytes;
}

// The same question over TCP, for answers too long for UDP.
base::Result<std::string> AskOverTcp(const DnsServer& server, const std::string& source,
                                     const std::string& question, base::MonotonicTime deadline,
                                     const ports::Clock& clock, const Cancelled& cancelled) {
  ASSIGN_OR_RETURN(const int fd, Open(server, SOCK_STREAM, source));
  const Socket socket(fd);
  RETURN_IF_ERROR(WaitFor(fd, Ready::kWrite, deadline, clock, cancelled));
  std::string framed;
  framed += static_cast<char>(question.size() >> 8);
  framed += static_cast<char>(question.size() & 0xff);
  framed += question;
  if (::send(fd, framed.data(), framed.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(framed.size())) {
    return base::Unreachable(Where(server) + " refuses TCP");
  }
  ASSIGN_OR_RETURN(const std::string head, ReadExactly(fd, 2, deadline, clock, cancelled));
  const std::size_t size = static_cast<std::size_t>(static_cast<unsigned char>(head[0])) << 8 |
                           static_cast<unsigned char>(head[1]);
  return ReadExactly(fd, size, deadline, clock, cancelled);
}

}  // namespace

bool IsLiteralAddress(std::string_view text) { return ToAddress(std::string(text), 0).has_value(); }

base::Result<DnsServer> ParseDnsServer(std::string_view text) {
  const auto wrong = [&] {
    return base::Invalid("'" + std::string(text) +
                         "' is not a DNS server: write ADDRESS or ADDRESS:PORT");
  };
  DnsServer server;
  std::string_view port;
  if (IsLiteralAddress(text)) {
    server.address = text;
    return server;
  }
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return wrong();
  std::string_view host = text.substr(0, colon);
  port = text.substr(colon + 1);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  if (!IsLiteralAddress(host)) return wrong();
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), server.port);
  if (error != std::errc{} || end != port.data() + port.size() || server.port == 0) return wrong();
  server.address = host;
  return server;
}

base::Result<std::vector<DnsServer>> SystemDnsServers() {
  ldns_resolver* read = nullptr;
  if (ldns_resolver_new_frm_file(&read, nullptr) != LDNS_STATUS_OK) {
    return base::NotFound("no DNS server in /etc/resolv.conf; name one with --resolver HOST:PORT");
  }
  const std::unique_ptr<ldns_resolver, FreeResolver> resolver(read);
  std::vector<DnsServer> servers;
  for (std::size_t i = 0; i < ldns_resolver_nameserver_count(read) && i < kMaxSystemServers; ++i) {
    char* text = ldns_rdf2str(ldns_resolver_nameservers(read)[i]);
    if (text != nullptr && IsLiteralAddress(text)) servers.push_back({text, 53});
    LDNS_FREE(text);
  }
  if (servers.empty()) return base::NotFound("no DNS server in /etc/resolv.conf");
  return servers;
}

Resolver::Resolver(Options options, const ports::Clock& clock, ports::Random& random)
    : options_(std::move(options)), clock_(clock), random_(random) {
  if (!options_.servers.empty()) return;
  if (auto servers = SystemDnsServers(); servers.ok()) options_.servers = std::move(*servers);
}

base::Result<DnsAnswer> Resolver::Resolve(const std::string& name, base::MonotonicTime deadline,
                                          const Cancelled& cancelled) const {
  if (IsLiteralAddress(name)) return DnsAnswer{{name}, std::chrono::hours(24)};
  if (options_.servers.empty()) {
    return base::NotFound("no DNS server to ask for " + name +
                          "; name one with --resolver HOST:PORT");
  }
  base::Error last = base::Unreachable("no DNS server answered for " + name);
  for (int round = 0; round < options_.rounds; ++round) {
    for (const DnsServer& server : options_.servers) {
      const base::MonotonicTime by = std::min(deadline, clock_.Monotonic() + options_.attempt);
      base::Result<DnsAnswer> answer = Ask(server, name, by, cancelled);
      if (answer.ok() || answer.error().code() == base::ErrorCode::kNotFound ||
          answer.error().code() == base::ErrorCode::kInvalid ||
          answer.error().code() == base::ErrorCode::kCancelled) {
        return answer;
      }
      last = std::move(answer).error();
      if (Left(deadline, clock_) == base::Duration::zero()) return last;
    }
  }
  return last;
}

base::Result<DnsAnswer> Resolver::Ask(const DnsServer& server, const std::string& name,
                                      base::MonotonicTime deadline,
                                      const Cancelled& cancelled) const {
  const auto id = static_cast<std::uint16_t>(random_.Next());
  ASSIGN_OR_RETURN(const std::string question, DnsQuestion(name, id));
  ASSIGN_OR_RETURN(const int fd, Open(server, SOCK_DGRAM, options_.source_address));
  const Socket socket(fd);
  if (::send(fd, question.data(), question.size(), MSG_NOSIGNAL) < 0) {
    return base::Unreachable(Where(server) + " cannot be reached");
  }
  std::string buffer(kMaxMessage, '\0');
  while (true) {
    const base::Status ready = WaitFor(fd, Ready::kRead, deadline, clock_, cancelled);
    if (!ready.ok()) return base::Error(ready.error()).Context(Where(server));
    const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (got < 0) return base::Unreachable(Where(server) + " refuses questions");
    std::optional<DnsReply> reply =
        ReadDnsReply({buffer.data(), static_cast<std::size_t>(got)}, {id, name, Where(server)});
    if (!reply) continue;
    if (!reply->truncated) return std::move(reply->answer);
    ASSIGN_OR_RETURN(const std::string whole, AskOverTcp(server, options_.source_address, question,
                                                         deadline, clock_, cancelled));
    reply = ReadDnsReply(whole, {id, name, Where(server)});
    if (!reply) return base::ServiceBroken(Where(server) + " answered something else over TCP");
    return std::move(reply->answer);
  }
}

}  // namespace leeward::probe
