#include "outbox-relay/heal/republish.h"

#include <poll.h>

#include <chrono>

#include "absl/strings/str_cat.h"
#include "outbox-relay/sink/record.h"
#include "outbox-relay/source/outbox_columns.h"

namespace relay {
namespace {

using Clock = std::chrono::steady_clock;
using Leave = std::function<bool()>;

// Kafka gives up a transaction after some.
constexpr std::chrono::seconds kLongestTransaction(2);
// Beyond what a topic is waited for.
constexpr std::chrono::seconds kBrokerPatience(30);
// The ledger does not know these events.
constexpr Producer::Ticket kNoTicket = Producer::kPosition;

absl::Status Refused(Producer& producer) {
  producer.AwaitName([](Producer::Ticket) {});
  if (producer.failure().kind == PublishFailure::Kind::kProducerBroken) {
    return AsStatus(producer.failure());
  }
  const PublishFailure& failure = producer.failure();
  return absl::AbortedError(absl::StrCat("Kafka refused the event ", failure.event_id,
                                         " while healing: ", failure.reason,
                                         ". Fix: ", failure.fix));
}

// Takes what there is of acknowledgements, waiting a moment for some.
absl::Status Collect(Producer& producer, const Leave& leave) {
  pollfd acks = {producer.event_fd(), POLLIN, 0};
  if (poll(&acks, 1, 100) > 0) producer.ClearEvent();
  if (!producer.Collect([](Producer::Ticket) {})) return Refused(producer);
  return leave() ? absl::CancelledError("stopping") : absl::OkStatus();
}

// Until all is durable.
absl::Status Finish(Producer& producer, const Leave& leave) {
  Transaction* const transaction = producer.transaction();
  if (transaction != nullptr && transaction->open()) transaction->Close();
  while (producer.in_flight_events() > 0) {
    if (absl::Status status = Collect(producer, leave); !status.ok()) return status;
  }
  if (transaction == nullptr || !transaction->open()) return absl::OkStatus();
  // Its position is the record that healing ends with; what is committed before is found again.
  producer.Commit("", "", "");
  while (transaction->open()) {
    if (absl::Status status = Collect(producer, leave); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status FinishIfLong(Producer& producer, const Leave& leave) {
  Transaction* const transaction = producer.transaction();
  const bool is_long = transaction != nullptr && transaction->open() &&
                       Clock::now() - transaction->since() > kLongestTransaction;
  return is_long ? Finish(producer, leave) : absl::OkStatus();
}

// False: Kafka does not take this record, and producer.refusal() says why.
absl::StatusOr<bool> Send(const Record& record, Producer& producer,
                          const RepublishOptions& options) {
  const Leave& leave = options.leave;
  const Clock::time_point patience = Clock::now() + options.missing_topic_wait;
  if (absl::Status status = FinishIfLong(producer, leave); !status.ok()) return status;
  for (;;) {
    switch (producer.Produce(record, kNoTicket)) {
      case Producer::Outcome::kTaken:
        return true;
      case Producer::Outcome::kRefused:
        return false;
      case Producer::Outcome::kFailed:
        return Refused(producer);
      case Producer::Outcome::kNoRoom:
        break;
      case Producer::Outcome::kTopicNotReady: {
        absl::Status topic = producer.AwaitTopic(record.topic, std::chrono::milliseconds(1'000));
        if (topic.ok()) continue;
        const bool passes = PassesByItself(topic);
        if (!passes && (!absl::IsNotFound(topic) || Clock::now() >= patience)) return false;
        if (passes && Clock::now() >= patience + kBrokerPatience) return topic;
        // A transaction does not stay open for as long as somebody takes to make a topic.
        if (absl::Status status = Finish(producer, leave); !status.ok()) return status;
        break;
      }
    }
    if (absl::Status status = Collect(producer, leave); !status.ok()) return status;
  }
}

// A row as RepublishColumns() has it.
Event EventOf(const postgres::Result& rows, int row) {
  Event event{.id = rows.Text(row, 0),
              .type = rows.TextOrEmpty(row, 2),
              .topic = rows.TextOrEmpty(row, 3),
              .traceparent = rows.TextOrEmpty(row, 5),
              .headers_json = rows.TextOrEmpty(row, 6),
              .created_unix_microseconds = rows.Int64(row, 7)};
  if (!rows.IsNull(row, 1)) event.aggregate_id = rows.Text(row, 1);
  if (!rows.IsNull(row, 4)) event.payload = rows.Text(row, 4);
  return event;
}

// What is published is durable before what is parked is.
absl::Status Park(ParkedBehind& parked, Producer& producer, const Leave& leave) {
  if (absl::Status finished = Finish(producer, leave); !finished.ok()) return finished;
  return parked.Flush();
}

}  // namespace

absl::StatusOr<std::string> RepublishColumns(postgres::Connection& connection) {
  absl::StatusOr<std::string> key = AsStreamed(connection, "aggregateid");
  if (!key.ok()) return key.status();
  absl::StatusOr<std::string> payload = AsStreamed(connection, "payload");
  if (!payload.ok()) return payload.status();
  return absl::StrCat("o.id::text, o.", *key, ", o.type, o.topic, o.", *payload,
                      ", o.traceparent, o.headers::text, (extract(epoch FROM CASE WHEN "
                      "isfinite(o.created_at) THEN o.created_at ELSE clock_timestamp() END) * "
                      "1000000)::bigint, o.seq");
}

absl::Status Republish(const RepublishOptions& options, postgres::Connection& connection,
                       const std::string& cursor, const TopicIds& at_kafka, ParkedBehind& parked,
                       Producer& producer, Republished& counts) {
  RecordBuilder builder(options.source);
  // A payload may have some ten MiB.
  const std::string fetch = absl::StrCat("FETCH 10 FROM ", cursor);
  for (;;) {
    if (absl::Status status = FinishIfLong(producer, options.leave); !status.ok()) return status;
    auto rows = connection.Execute(fetch);
    if (!rows.ok()) return rows.status();
    if (rows->rows() == 0) break;
    for (int i = 0; i < rows->rows(); ++i) {
      ++counts.compared;
      if (at_kafka.Contains(rows->Text(i, 0))) {
        ++counts.found;
        continue;
      }
      const Event event = EventOf(*rows, i);
      const int64_t seq = rows->Int64(i, 8);
      if (parked.full()) {
        if (absl::Status written = Park(parked, producer, options.leave); !written.ok()) {
          return written;
        }
      }
      if (parked.Take(event, seq)) continue;
      Record record = builder.Build(event);
      record.headers.push_back({kRepublishedHeader, "heal"});
      const absl::StatusOr<bool> sent = Send(record, producer, options);
      if (!sent.ok()) return sent.status();
      if (*sent) {
        ++counts.published;
        continue;
      }
      parked.TakePoison(event, seq, producer.refusal());
    }
    if (!producer.Collect([](Producer::Ticket) {})) return Refused(producer);
    if (options.leave()) return absl::CancelledError("stopping");
  }
  return Park(parked, producer, options.leave);
}

}  // namespace relay
