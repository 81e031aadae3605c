// Bucket: how much may be read or written now, of what was provisioned.
//
// Units come in at the provisioned rate, and up to five minutes of them are kept: the burst that
// DynamoDB grants. A request is let in while the bucket is above zero and may take it below, as
// DynamoDB charges a page after it has been read.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace leeward::lab::tables {

class Bucket {
 public:
  static constexpr double kBurstSeconds = 300;

  // `rate`: units a second; below zero: no limit. A new rate keeps what is there, up to its burst;
  // the first one starts with a full bucket.
  void SetRate(double rate, base::WallTime now);
  bool limited() const { return rate_ >= 0; }
  // Whether a request may go ahead.
  bool Open(base::WallTime now);
  void Take(double units);

 private:
  void Refill(base::WallTime now);

  double rate_ = -1;
  double units_ = 0;
  base::WallTime filled_;
};

}  // namespace leeward::lab::tables
