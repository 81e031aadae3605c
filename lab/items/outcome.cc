#include "lab/items/outcome.h"

namespace leeward::lab::items {

ApiError ValidationError(std::string message) {
  return {"ValidationException", std::move(message), 400, {}};
}

ApiError SerializationError(std::string message) {
  return {"SerializationException", std::move(message), 400, {}};
}

ApiError InvalidParameter(std::string what) {
  return ValidationError("One or more parameter values were invalid: " + std::move(what));
}

}  // namespace leeward::lab::items
