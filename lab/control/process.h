// The lab's own processes below the supervisor: the network, each Region, the global plane.
#pragma once

#include <string>

namespace leeward::lab {

// Each talks to the supervisor over the socket it inherits as descriptor 3: first {"ready": true}
// or
// {"error": ...}, then answers to what it is told. Ends when the supervisor does. Returns the exit
// code.
inline constexpr int kControlDescriptor = 3;
inline constexpr int kGatewayDescriptor = 4;  // the global plane's listening socket

int RunNetworkProcess(const std::string& state);
int RunPlaceProcess(const std::string& state, const std::string& party);

}  // namespace leeward::lab
