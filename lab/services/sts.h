// STS: who the caller is, and temporary credentials that the lab itself accepts.
#pragma once

#include <memory>

#include "lab/core/service.h"

namespace leeward::lab {

std::unique_ptr<Service> MakeSts(Host& host);

}  // namespace leeward::lab
