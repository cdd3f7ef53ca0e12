#include "outbox-relay/heal/republish.h"

#include <poll.h>

#include <chrono>

#include "absl/strings/str_cat.h"
#include "outbox-relay/sink/record.h"

namespace relay {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kTopicPatience(30);
// Kafka gives up a transaction after some.
constexpr std::chrono::seconds kLongestTransaction(2);
// The ledger does not know these events.
constexpr Producer::Ticket kNoTicket = Producer::kPosition;

absl::Status Refused(const Producer& producer) {
  const PublishFailure& failure = producer.failure();
  return absl::AbortedError(absl::StrCat("Kafka refused the event ", failure.event_id,
                                         " while healing: ", failure.reason,
                                         ". Fix: ", failure.fix));
}

// Takes what there is of acknowledgements, waiting a moment for some.
absl::Status Collect(Producer& producer, std::stop_token stop) {
  pollfd acks = {producer.event_fd(), POLLIN, 0};
  if (poll(&acks, 1, 100) > 0) producer.ClearEvent();
  if (!producer.Collect([](Producer::Ticket) {})) return Refused(producer);
  return stop.stop_requested() ? absl::CancelledError("stopping") : absl::OkStatus();
}

// Until all is durable.
absl::Status Finish(Producer& producer, std::stop_token stop) {
  Transaction* const transaction = producer.transaction();
  if (transaction != nullptr && transaction->open()) transaction->Close();
  while (producer.in_flight_events() > 0) {
    if (absl::Status status = Collect(producer, stop); !status.ok()) return status;
  }
  if (transaction == nullptr || !transaction->open()) return absl::OkStatus();
  // Its position is the record that healing ends with; what is committed before is found again.
  producer.Commit("", "", "");
  while (transaction->open()) {
    if (absl::Status status = Collect(producer, stop); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status FinishIfLong(Producer& producer, std::stop_token stop) {
  Transaction* const transaction = producer.transaction();
  const bool is_long = transaction != nullptr && transaction->open() &&
                       Clock::now() - transaction->since() > kLongestTransaction;
  return is_long ? Finish(producer, stop) : absl::OkStatus();
}

absl::Status Send(const Record& record, Producer& producer, std::stop_token stop) {
  const Clock::time_point patience = Clock::now() + kTopicPatience;
  if (absl::Status status = FinishIfLong(producer, stop); !status.ok()) return status;
  for (;;) {
    switch (producer.Produce(record, kNoTicket)) {
      case Producer::Outcome::kTaken:
        return absl::OkStatus();
      case Producer::Outcome::kRefused:
        producer.GiveUp();
        return Refused(producer);
      case Producer::Outcome::kFailed:
        return Refused(producer);
      case Producer::Outcome::kNoRoom:
        break;
      case Producer::Outcome::kTopicNotReady: {
        absl::Status topic = producer.AwaitTopic(record.topic, std::chrono::milliseconds(1'000));
        if (topic.ok()) continue;
        if (Clock::now() > patience) return absl::UnavailableError(topic.message());
        // A transaction does not stay open for as long as somebody takes to make a topic.
        if (absl::Status status = Finish(producer, stop); !status.ok()) return status;
        break;
      }
    }
    if (absl::Status status = Collect(producer, stop); !status.ok()) return status;
  }
}

}  // namespace

absl::Status Republish(postgres::Connection& connection, const std::string& cursor,
                       const TopicIds& at_kafka, const std::string& source, Producer& producer,
                       std::stop_token stop, Republished& counts) {
  RecordBuilder builder(source);
  const std::string fetch = absl::StrCat("FETCH 100 FROM ", cursor);
  for (;;) {
    if (absl::Status status = FinishIfLong(producer, stop); !status.ok()) return status;
    auto rows = connection.Execute(fetch);
    if (!rows.ok()) return rows.status();
    if (rows->rows() == 0) break;
    for (int i = 0; i < rows->rows(); ++i) {
      ++counts.compared;
      if (at_kafka.Contains(rows->Text(i, 0))) {
        ++counts.found;
        continue;
      }
      Event event{.id = rows->Text(i, 0),
                  .aggregate_id = rows->Text(i, 1),
                  .type = rows->Text(i, 2),
                  .topic = rows->Text(i, 3),
                  .payload = {},
                  .traceparent = rows->TextOrEmpty(i, 5),
                  .headers_json = rows->TextOrEmpty(i, 6),
                  .created_unix_microseconds = rows->Int64(i, 7)};
      if (!rows->IsNull(i, 4)) event.payload = rows->Text(i, 4);
      Record record = builder.Build(event);
      record.headers.push_back({kRepublishedHeader, "heal"});
      if (absl::Status sent = Send(record, producer, stop); !sent.ok()) return sent;
      ++counts.published;
    }
    if (!producer.Collect([](Producer::Ticket) {})) return Refused(producer);
  }
  return Finish(producer, stop);
}

}  // namespace relay
