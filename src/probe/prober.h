// Prober: asks one target once and says what it saw.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <variant>

#include "base/result.h"
#include "base/time.h"
#include "model/observation.h"
#include "ports/clock.h"
#include "probe/dns.h"
#include "probe/http.h"
#include "probe/redis.h"
#include "probe/sql_session.h"

namespace leeward::probe {

// Good: a 2xx answer.
struct HttpProbe {
  std::string url;
  std::string connect_to;  // literal address; empty: ask DNS
};
// Good: a connection.
struct TcpProbe {
  std::string host;
  std::uint16_t port = 0;
};
// Good: a query answered. The session is kept between probes; a lost one is opened again within the
// same probe before the target is called bad.
struct SqlProbe {
  SqlAddress address;
};
// Good: it says what its role is. The session is kept as for a database.
struct RedisProbe {
  RedisAddress address;
};
// Good: an ok status. For what only a higher room can ask, such as a Region's control plane. Has to
// return by the deadline.
struct CustomProbe {
  std::function<base::Status(base::MonotonicTime deadline)> ask;
};

struct ProbeTarget {
  model::Target target;
  std::variant<HttpProbe, TcpProbe, SqlProbe, RedisProbe, CustomProbe> how;
};

// Where an observer stands and who it is.
struct Standpoint {
  model::ObserverId observer;
  model::Region region;
  std::string source_address;  // local address to connect from; empty: the system's choice
};

// Not safe for several threads at once; a watcher has one per target.
class Prober {
 public:
  // `clock` and `resolver` outlive it.
  Prober(ProbeTarget target, Standpoint standpoint, const Resolver& resolver,
         const ports::Clock& clock);
  // Never takes longer than `timeout` by more than a scheduling delay.
  model::Observation Probe(base::Duration timeout);
  const model::Target& target() const { return target_.target; }

 private:
  base::Result<std::string> Ask(base::MonotonicTime deadline);
  base::Result<std::string> AskSql(const SqlProbe& probe, base::MonotonicTime deadline);
  base::Result<std::string> AskRedis(const RedisProbe& probe, base::MonotonicTime deadline);

  ProbeTarget target_;
  Standpoint standpoint_;
  const Resolver& resolver_;
  const ports::Clock& clock_;
  std::uint64_t sequence_ = 0;
  std::unique_ptr<SqlSession> session_;
  std::unique_ptr<RedisSession> redis_;
};

}  // namespace leeward::probe
