// Secrets that a command is given: in a file that only its owner can read, or in the environment.
#pragma once

#include <string>

#include "base/result.h"
#include "ports/files.h"

namespace leeward::cli {

struct SecretPlace {
  std::string file;       // empty: the variable
  std::string variable;   // of the environment
  std::size_t least = 1;  // characters; fewer are kInvalid
};

// Empty where none is given. kInvalid: something that is no secret; kDenied: a file that others can
// read; kNotFound.
base::Result<std::string> ReadSecret(const SecretPlace& place, ports::Files& files);

}  // namespace leeward::cli
