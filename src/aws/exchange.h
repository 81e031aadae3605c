// One attempt at one call: sign, send, read. What the client repeats and the credential sources
// use.
#pragma once

#include <string>
#include <variant>

#include "aws/endpoint.h"
#include "aws/secrets.h"
#include "aws/wire.h"

namespace leeward::aws {

struct Attempt {
  const shapes::Model* model = nullptr;
  const shapes::Operation* operation = nullptr;
  const WireRequest* wire = nullptr;
  Endpoint endpoint;
  const Credentials* credentials = nullptr;  // nullptr: sent without a signature
  Secrets secrets;                           // of the input
  base::WallTime now;
  ports::HttpLimits limits;
  // Of a presigned URL: further parameters of its query.
  std::vector<std::pair<std::string, std::string>> also = {};
};

// The request as it leaves: host, signature, user agent. Pure.
ports::HttpRequest BuildHttp(const Attempt& attempt);
// "https://host/?...": the call as a presigned GET. For protocols whose body is a form. Pure.
base::Result<std::string> BuildPresigned(const Attempt& attempt, base::Duration valid_for);

// The answer, or what the service said instead, without the secrets that it repeats. An Error is no
// answer at all, or one that cannot be read.
using Outcome = std::variant<shapes::Value, ServiceError>;
base::Result<Outcome> Exchange(const Attempt& attempt, ports::HttpTransport& transport);

}  // namespace leeward::aws
