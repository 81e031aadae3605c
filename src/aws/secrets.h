// What must not come back out of a call: services quote requests in their refusals (the canonical
// request of a signature that does not match has the session token in it, a value that is not
// allowed is repeated), and a refusal goes to people, logs and the journal.
#pragma once

#include <string>
#include <vector>

#include "aws/sigv4.h"
#include "aws/wire.h"

namespace leeward::aws {

using Secrets = std::vector<std::string>;

// Every text of the input that the model calls sensitive, and of tasks every variable's value.
Secrets SecretsIn(const shapes::Operation& operation, const shapes::Value& input);

// Puts "(hidden)" where the error repeats one of them, or the keys that signed the request
// (nullptr: none did), as they are or as in a URL.
void HideSecrets(ServiceError& error, const Secrets& secrets, const Credentials* credentials);

}  // namespace leeward::aws
