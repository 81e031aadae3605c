#include "lab/network/topology.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace leeward::lab {
namespace {

struct Distance {
  std::string_view a;
  std::string_view b;
  base::Duration round_trip;
};

constexpr base::Duration kUnknownRoundTrip = std::chrono::milliseconds(120);
// Round trips between real Regions, rounded.
constexpr Distance kDistances[] = {
    {"us-east-1", "us-west-2", std::chrono::milliseconds(60)},
    {"us-east-1", "eu-west-1", std::chrono::milliseconds(75)},
    {"us-west-2", "eu-west-1", std::chrono::milliseconds(130)},
    {"us-east-1", "us-east-2", std::chrono::milliseconds(14)},
    {"us-east-2", "us-west-2", std::chrono::milliseconds(50)},
    {"us-east-2", "eu-west-1", std::chrono::milliseconds(85)},
    {"eu-west-1", "eu-central-1", std::chrono::milliseconds(26)},
    {"us-east-1", "eu-central-1", std::chrono::milliseconds(92)},
};

base::Duration RoundTrip(std::string_view a, std::string_view b) {
  for (const Distance& distance : kDistances) {
    if ((distance.a == a && distance.b == b) || (distance.a == b && distance.b == a))
      return distance.round_trip;
  }
  return kUnknownRoundTrip;
}

bool Involves(const std::pair<std::string, std::string>& pair, const std::string& region) {
  return region.empty() || pair.first == region || pair.second == region;
}

}  // namespace

base::Result<std::uint32_t> ParseIpv4(std::string_view text) {
  in_addr address{};
  if (inet_pton(AF_INET, std::string(text).c_str(), &address) != 1) {
    return base::Invalid(fmt::format("{} is not an IPv4 address", text));
  }
  return ntohl(address.s_addr);
}

base::Result<Cidr> Cidr::Parse(std::string_view text) {
  const auto slash = text.find('/');
  unsigned bits = 32;
  if (slash != std::string_view::npos) {
    const auto [stop, error] =
        std::from_chars(text.data() + slash + 1, text.data() + text.size(), bits);
    if (error != std::errc() || stop != text.data() + text.size() || bits > 32) {
      return base::Invalid(fmt::format("{} is not a network such as 127.2.0.0/16", text));
    }
  }
  ASSIGN_OR_RETURN(const std::uint32_t address, ParseIpv4(text.substr(0, slash)));
  const std::uint32_t mask = bits == 0 ? 0 : ~std::uint32_t{0} << (32 - bits);
  return Cidr{address & mask, mask};
}

Topology::Topology(int first_block, std::vector<std::string> regions)
    : first_block_(first_block), regions_(std::move(regions)) {}

bool Topology::HasRegion(std::string_view name) const {
  return std::find(regions_.begin(), regions_.end(), name) != regions_.end();
}

std::vector<std::pair<Cidr, std::string>> Topology::Networks() const {
  std::vector<std::pair<Cidr, std::string>> networks;
  const auto block = [](int number) {
    return (127u << 24u) | static_cast<std::uint32_t>(number) << 16u;
  };
  networks.push_back({{block(first_block_) | 254u << 8u, 0xffffff00u}, std::string(kGlobal)});
  for (std::size_t i = 0; i < regions_.size(); ++i) {
    networks.push_back({{block(first_block_ + static_cast<int>(i)), 0xffff0000u}, regions_[i]});
  }
  return networks;
}

std::string Topology::PartyOf(std::uint32_t address) const {
  for (const auto& [network, party] : Networks()) {
    if (network.Contains(address)) return party;
  }
  return std::string(kOutside);
}

base::Duration Topology::Delay(const std::string& from, const std::string& to) const {
  base::Duration delay{0};
  if (from != to && HasRegion(from) && HasRegion(to)) delay = RoundTrip(from, to) / 2;
  const auto extra = slow_.find({from, to});
  return extra == slow_.end() ? delay : delay + extra->second;
}

Silence Topology::silence(const std::string& region) const {
  const auto found = silence_.find(region);
  return found == silence_.end() ? Silence::kNone : found->second;
}

bool Topology::Blocked(const std::string& from, const std::string& to) const {
  const Silence a = silence(from);
  const Silence b = silence(to);
  if (a == Silence::kKilled || b == Silence::kKilled) return true;
  // Inside a dark Region everything goes on.
  if (from != to && (a != Silence::kNone || b != Silence::kNone)) return true;
  return cuts_.contains({from, to});
}

void Topology::SetSilence(const std::string& region, Silence silence) {
  silence_[region] = silence;
}

void Topology::Cut(const std::string& from, const std::string& to, Directions directions) {
  cuts_.insert({from, to});
  if (directions == Directions::kBoth) cuts_.insert({to, from});
}

void Topology::Slow(const std::string& a, const std::string& b, base::Duration extra) {
  slow_[{a, b}] = extra;
  slow_[{b, a}] = extra;
}

void Topology::Heal(const std::string& region) {
  std::erase_if(silence_,
                [&](const auto& entry) { return region.empty() || entry.first == region; });
  std::erase_if(cuts_, [&](const auto& pair) { return Involves(pair, region); });
  std::erase_if(slow_, [&](const auto& entry) { return Involves(entry.first, region); });
}

}  // namespace leeward::lab
