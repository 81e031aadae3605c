// Where a lab's item stores are reached: a Region's own, and those of the others from one of them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace leeward::lab {

// A Region's item store in the lab's network.
inline constexpr std::string_view kItemsEndpoint = "dynamodb";
inline constexpr std::uint16_t kItemsPort = 8000;

// A Host's further side; found with a dynamic_cast, null where there is no lab.
class KnowsItemStores {
 public:
  virtual ~KnowsItemStores() = default;
  struct Peer {
    std::string region;
    std::string address;  // in this Region: what is said to it is carried through the network
    std::uint16_t port = 0;
  };
  virtual std::vector<Peer> ItemStoresElsewhere() = 0;
};

}  // namespace leeward::lab
