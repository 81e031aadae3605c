// Where the item stores of a lab's other Regions are reached from one of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace leeward::lab {

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
