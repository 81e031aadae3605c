#include "lab/core/service.h"

#include <fmt/format.h>

namespace leeward::lab {

void Service::HandleInternal(std::string_view operation, const shapes::Value& /*input*/,
                             Reply reply) {
  reply(ApiError{"UnknownOperationException",
                 fmt::format("{} has no internal operation {}", name(), operation),
                 400,
                 {}});
}

void Host::AskProcess(const std::filesystem::path& socket, std::string_view /*target*/,
                      base::Duration /*deadline*/,
                      std::function<void(base::Result<std::string>)> done) {
  Post([done = std::move(done), name = socket.string()] {
    done(base::Unreachable(name + ": nobody answers here"));
  });
}

void Host::TellProcess(const std::filesystem::path& socket, std::string_view /*target*/,
                       std::string /*body*/, base::Duration /*deadline*/,
                       std::function<void(base::Result<ports::HttpResponse>)> done) {
  Post([done = std::move(done), name = socket.string()] {
    done(base::Unreachable(name + ": nobody answers here"));
  });
}

std::string Arn(const Host& host, std::string_view service, std::string_view resource) {
  return fmt::format("arn:aws:{}:{}:{}:{}", service, host.region(), host.account(), resource);
}

}  // namespace leeward::lab
