// How far a source is published in exactly-once mode: written in the same Kafka transaction as the
// events (KIP-98), so that the two never disagree.
#ifndef ORDER_SAGA_OUTBOX_RELAY_HISTORY_WATERMARK_H_
#define ORDER_SAGA_OUTBOX_RELAY_HISTORY_WATERMARK_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "outbox-relay/source/lsn.h"
#include "outbox-relay/source/wal_identity.h"

namespace relay {

// Kept in the topic `outbox-relay-state` beside the source's record, under the key of
// WatermarkKey().
struct Watermark {
  // What the positions are positions in. Another slot, generation (HistoryRecord), cluster or
  // timeline: they mean nothing.
  std::string slot;
  int64_t generation = 1;
  std::string system_id;
  uint32_t timeline = 0;
  // Stands for the publication and the tables in it: where that has changed, a transaction's rows
  // may be others.
  std::string publication_fingerprint;

  // Every transaction whose commit record begins before it is published, or parked.
  Lsn whole;
  // And, of the transaction with this commit record, the rows up to this ordinal. -1: none.
  Lsn open_commit;
  int64_t open_ordinal = -1;

  // Ids of parked events that were released and published, and may still be in the parked table.
  std::vector<std::string> released;

  friend bool operator==(const Watermark&, const Watermark&) = default;
};

std::string WatermarkKey(std::string_view source);

std::string Encode(const Watermark& watermark);
// InvalidArgument if it is not what Encode made, or a later version's.
absl::StatusOr<Watermark> DecodeWatermark(std::string_view json);

// Whether `was` says something about the stream that `now` (its positions aside) is to begin.
bool IsOfSameHistory(const Watermark& was, const Watermark& now);

// From where to go on after `was`: its positions in the terms of `now`. Of what is not of
// the same history only `released` counts. Of another publication_fingerprint only whole
// transactions count: the rest of an open one is published again. DataLoss: the log ends before the
// watermark.
absl::StatusOr<Watermark> Resume(const Watermark& was, Watermark now, Lsn flushed);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_HISTORY_WATERMARK_H_
