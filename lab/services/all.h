// Every service of the lab, and where it lives.
#pragma once

#include <span>

#include "lab/core/service.h"

namespace leeward::lab {

std::span<const ServiceEntry> AllServices();

}  // namespace leeward::lab
