// What to do about an event that cost the producer: pure decisions.
#ifndef ORDER_SAGA_OUTBOX_RELAY_PARKING_RECOVERY_H_
#define ORDER_SAGA_OUTBOX_RELAY_PARKING_RECOVERY_H_

#include <algorithm>
#include <cstddef>
#include <optional>

#include "outbox-relay/sink/publish_failure.h"
#include "outbox-relay/source/lsn.h"

namespace relay {

// A broker refuses a whole batch for one event in it, or for the batch's own size, and does not say
// which. So when the event that is named was not alone, all events go alone until the place is
// passed: then either the guilty one is named and parked, or nothing was wrong with any event and
// batches get smaller from then on. Not thread-safe.
class Recovery {
 public:
  enum class Step {
    kStartOver,  // from the confirmed position, with nothing changed but batch_bytes()
    kPark        // the event that is named, first
  };

  // After a producer has failed. `sent_up_to`: the commit of the last transaction of which it was
  // given something.
  Step OnFailure(const PublishFailure& failure, Lsn sent_up_to);

  // For the next producer: see ProducerOptions.
  size_t batch_bytes() const { return alone_until_ ? 1 : batch_bytes_; }

  // Set while events go alone: once more than this is confirmed, what is released is published
  // (unless guilty_found()), and nothing is in flight, they need not any longer, and Passed() is to
  // be called.
  std::optional<Lsn> alone_until() const { return alone_until_; }
  void Passed();
  // Since it was set.
  bool guilty_found() const { return found_guilty_; }

  // Batches are to be no larger from now on.
  void LimitBatchBytes(size_t bytes) {
    batch_bytes_ = batch_bytes_ == 0 ? bytes : std::min(batch_bytes_, bytes);
  }

  // The size of batches of the producer that is in use when none has failed.
  void SetUsualBatchBytes(size_t bytes) { usual_batch_bytes_ = bytes; }

 private:
  // Smaller batches help nobody: then a topic takes almost nothing at all.
  static constexpr size_t kSmallestBatch = 1'024;

  size_t usual_batch_bytes_ = 1'000'000;
  size_t batch_bytes_ = 0;  // 0: the usual
  std::optional<Lsn> alone_until_;
  bool about_size_ = false;    // what began it
  bool found_guilty_ = false;  // since
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_PARKING_RECOVERY_H_
