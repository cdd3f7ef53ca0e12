#include "outbox-relay/parking/recovery.h"

#include <algorithm>

namespace relay {

Recovery::Step Recovery::OnFailure(const PublishFailure& failure, Lsn sent_up_to) {
  if (failure.kind != PublishFailure::Kind::kRefused) return Step::kStartOver;
  if (failure.alone || failure.whole_topic) {
    found_guilty_ = true;
    return Step::kPark;
  }
  if (!alone_until_) {
    about_size_ = failure.too_large;
    found_guilty_ = false;
  }
  alone_until_ = std::max(sent_up_to, alone_until_.value_or(Lsn{}));
  return Step::kStartOver;
}

void Recovery::Passed() {
  alone_until_.reset();
  if (!about_size_ || found_guilty_) return;
  const size_t used = batch_bytes_ == 0 ? usual_batch_bytes_ : batch_bytes_;
  batch_bytes_ = std::max(used / 2, kSmallestBatch);
}

}  // namespace relay
