// Scalars between text on the wire and Values: numbers, booleans, times, blobs.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "shapes/model.h"
#include "shapes/value.h"

namespace leeward::lab::wire {

// The format of a timestamp: the member's own, else its shape's, else the place's.
shapes::TimestampFormat FormatOf(const shapes::Member& member, shapes::TimestampFormat place);

// A scalar shape from text. kInvalid says what the text is not.
base::Result<shapes::Value> ScalarFromText(const shapes::Shape& shape, std::string_view text,
                                           shapes::TimestampFormat format);
// And back. kInvalid when the value is not of the shape's type.
base::Result<std::string> ScalarToText(const shapes::Shape& shape, const shapes::Value& value,
                                       shapes::TimestampFormat format);

std::string TimeToText(base::WallTime time, shapes::TimestampFormat format);
base::Result<base::WallTime> TimeFromText(std::string_view text, shapes::TimestampFormat format);
base::WallTime TimeFromSeconds(double seconds);
// "1", "1.5", "NaN", "Infinity", "-Infinity": the shortest text that reads back as the same number.
std::string NumberToText(double number);
base::Result<double> NumberFromText(std::string_view text);

// Our own mistake: a service answered something that its model does not know.
base::Error BadAnswer(const shapes::Shape& shape, std::string_view what);

}  // namespace leeward::lab::wire
