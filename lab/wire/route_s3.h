// S3's requests: the key is all that follows the bucket, slashes and all, and which operation is
// asked is also in headers and parameters (CopyObject is a PutObject with a source).
#pragma once

#include "lab/wire/route.h"

namespace leeward::lab::wire {

// Sets operation, labels and refusal of a route whose model and parameters are set.
void RouteS3(const Request& request, Route* route);

// Whether it is one of S3 Control's, which is signed as S3's are.
bool IsForS3Control(const Request& request);

}  // namespace leeward::lab::wire
