// What librdkafka is told for a relay's producer.
#ifndef ORDER_SAGA_OUTBOX_RELAY_SINK_PRODUCER_CONF_H_
#define ORDER_SAGA_OUTBOX_RELAY_SINK_PRODUCER_CONF_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "libs/kafka/config.h"

namespace relay {

// The size of batches: that of the property batch.size, which leaves the settings, or less if
// `most` (unless 0) is less.
size_t TakeBatchBytes(kafka::Settings& settings, size_t most);

// Idempotent, acks=all; with a `transactional_id` (else empty) for transactions. The settings'
// properties may change the rest. InvalidArgument names a wrong one.
absl::StatusOr<kafka::Conf> MakeProducerConf(const kafka::Settings& settings, size_t batch_bytes,
                                             const std::string& transactional_id);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_SINK_PRODUCER_CONF_H_
