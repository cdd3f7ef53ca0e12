#include "libs/inbox/park.h"

#include <vector>

namespace inbox {

absl::StatusOr<absl::flat_hash_set<std::string>> LockParkedKeys(postgres::Transaction& transaction,
                                                                absl::Span<Delivery* const> batch) {
  std::vector<std::string> keys;
  keys.reserve(batch.size());
  for (const Delivery* delivery : batch) keys.push_back(delivery->key());
  auto rows = transaction.Execute(
      "SELECT key FROM inbox_parked_keys WHERE key = ANY ($1::text[]) ORDER BY key FOR UPDATE",
      postgres::Params().Texts(keys));
  if (!rows.ok()) return rows.status();
  absl::flat_hash_set<std::string> parked;
  for (int i = 0; i < rows->rows(); ++i) parked.emplace(rows->Text(i, 0));
  return parked;
}

absl::Status ParkKey(postgres::Transaction& transaction, const std::string& key,
                     const std::string& error) {
  return transaction
      .Execute("INSERT INTO inbox_parked_keys (key, error) VALUES ($1, $2) ON CONFLICT DO NOTHING",
               postgres::Params().Text(key).Text(error))
      .status();
}

absl::StatusOr<int64_t> ParkMessages(postgres::Transaction& transaction,
                                     absl::Span<Delivery* const> batch) {
  if (batch.empty()) return 0;
  std::vector<uuid::Uuid> ids;
  std::vector<std::string> keys, topics, content_types;
  std::vector<int64_t> partitions, offsets;
  std::vector<std::optional<std::string>> payloads, traceparents, tracestates;
  for (const Delivery* delivery : batch) {
    ids.push_back(delivery->id());
    keys.push_back(delivery->key());
    topics.emplace_back(delivery->topic());
    partitions.push_back(delivery->partition());
    offsets.push_back(delivery->offset());
    auto payload = delivery->payload();
    payloads.push_back(payload ? std::optional<std::string>(*payload) : std::nullopt);
    content_types.push_back(delivery->content_type());
    traceparents.push_back(delivery->traceparent());
    tracestates.push_back(delivery->tracestate().empty() ? std::nullopt
                                                         : std::optional(delivery->tracestate()));
  }
  auto rows = transaction.Execute(
      R"sql(
        INSERT INTO inbox_parked
               (id, key, topic, partition, "offset", payload, content_type, traceparent,
                tracestate)
        SELECT id, key, topic, partition, at, payload, content_type, traceparent, tracestate
          FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::bigint[],
                      $6::bytea[], $7::text[], $8::text[], $9::text[]) WITH ORDINALITY
               AS m (id, key, topic, partition, at, payload, content_type, traceparent,
                     tracestate, nth)
         WHERE NOT EXISTS (SELECT FROM inbox WHERE inbox.id = m.id)
         ORDER BY nth  -- arrival counts up in the order of insertion
        ON CONFLICT (id) DO NOTHING
      )sql",
      postgres::Params()
          .Ids(ids)
          .Texts(keys)
          .Texts(topics)
          .Int64s(partitions)
          .Int64s(offsets)
          .NullableBytes(payloads)
          .Texts(content_types)
          .NullableTexts(traceparents)
          .NullableTexts(tracestates));
  if (!rows.ok()) return rows.status();
  return rows->affected();
}

}  // namespace inbox
