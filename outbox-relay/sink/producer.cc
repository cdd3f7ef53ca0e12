#include "outbox-relay/sink/producer.h"

#include <librdkafka/rdkafka.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "outbox-relay/sink/delivery_report.h"
#include "outbox-relay/sink/in_flight_cost.h"
#include "outbox-relay/sink/producer_conf.h"

namespace relay {
namespace {

// What a batch of one event has besides the event's own bytes, headers' lengths included.
constexpr size_t kBatchOverhead = 512;
constexpr std::chrono::seconds kLimitIsFresh(1);
constexpr std::chrono::milliseconds kNamedWithin(300);
// A broker that lives answers in milliseconds; a dead one holds a start over up for this long.
constexpr std::chrono::milliseconds kAnsweredWithin(1'000);

}  // namespace

absl::StatusOr<std::unique_ptr<Producer>> Producer::Create(const ProducerOptions& options) {
  auto producer = std::unique_ptr<Producer>(new Producer());
  producer->settings_ = options.kafka;
  producer->max_in_flight_bytes_ = options.max_in_flight_bytes;
  producer->acked_offsets_ = options.acked_offsets;
  producer->transactional_id_ = options.transactional_id;
  producer->batch_bytes_ = TakeBatchBytes(producer->settings_, options.batch_bytes);
  producer->event_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (producer->event_fd_ < 0) {
    return absl::ResourceExhaustedError(absl::StrCat("eventfd: ", std::strerror(errno)));
  }
  if (absl::Status status = producer->Connect(); !status.ok()) return status;
  return producer;
}

absl::Status Producer::Connect() {
  absl::StatusOr<kafka::Conf> conf = MakeProducerConf(settings_, batch_bytes_, transactional_id_);
  if (!conf.ok()) return conf.status();
  rd_kafka_conf_set_events(conf->get(), RD_KAFKA_EVENT_DR);
  char codec[32] = "";
  size_t size = sizeof codec;
  compresses_ =
      rd_kafka_conf_get(conf->get(), "compression.type", codec, &size) != RD_KAFKA_CONF_OK ||
      std::string_view(codec) != "none";
  char why[512] = "";
  client_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf->get(), why, sizeof why);
  if (client_ == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("Kafka producer: ", why));
  }
  conf->release();  // the client owns it now
  now_ = std::chrono::steady_clock::now();
  queue_ = rd_kafka_queue_get_main(client_);
  const uint64_t one = 1;
  rd_kafka_queue_io_event_enable(queue_, event_fd_, &one, sizeof one);
  if (!transactional_id_.empty()) transaction_.emplace(client_, transactional_id_, event_fd_);
  return absl::OkStatus();
}

void Producer::Disconnect() {
  if (client_ == nullptr) return;
  rd_kafka_queue_io_event_enable(queue_, -1, nullptr, 0);
  rd_kafka_purge(client_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  transaction_.reset();
  for (const auto& [name, topic] : topics_) {
    if (topic.handle != nullptr) rd_kafka_topic_destroy(topic.handle);
  }
  topics_.clear();
  introductions_ = 0;
  rd_kafka_queue_destroy(queue_);
  rd_kafka_destroy(client_);
  client_ = nullptr;
  queue_ = nullptr;
}

Producer::~Producer() {
  Disconnect();
  if (event_fd_ >= 0) close(event_fd_);
}

Producer::Topic& Producer::FindTopic(std::string_view name) {
  const auto found = topics_.find(absl::string_view(name.data(), name.size()));
  if (found != topics_.end()) return found->second;
  std::string owned(name);
  rd_kafka_topic_t* const handle =
      owned.empty() ? nullptr : rd_kafka_topic_new(client_, owned.c_str(), nullptr);
  return topics_.emplace(std::move(owned), Topic{.handle = handle}).first->second;
}

void Producer::Fail(PublishFailure failure) {
  // The first one that names an event says most: what follows are its consequences.
  using Kind = PublishFailure::Kind;
  if (!failure_ ||
      (failure_->kind == Kind::kProducerBroken && failure.kind != Kind::kProducerBroken)) {
    failure_ = std::move(failure);
  }
}

Producer::Outcome Producer::Admit(Topic& topic, const Record& record, size_t bytes) {
  if (batch_bytes_ + kBatchOverhead > topic.max_message_bytes && batch_bytes_ > 1) {
    // Batches would be refused with all that is in them: another client makes smaller ones.
    if (in_flight_events_ > 0) return Outcome::kNoRoom;
    batch_bytes_ = std::max<size_t>(topic.max_message_bytes, kBatchOverhead + 1) - kBatchOverhead;
    if (transaction_) {
      // Another client may only be introduced by who has the slot: at the start of a session.
      Fail({.reason = absl::StrCat("batches have to be smaller for the topic ",
                                   std::string(record.topic)),
            .fix = "none needed: a new producer starts over"});
      return Outcome::kFailed;
    }
    Disconnect();
    if (absl::Status status = Connect(); !status.ok()) {
      Fail({.reason = std::string(status.message())});
      return Outcome::kFailed;
    }
    return Outcome::kTopicNotReady;
  }
  if (bytes + kBatchOverhead <= topic.max_message_bytes) return Outcome::kTaken;
  // Somebody may have raised the limit.
  topic.ready = std::chrono::steady_clock::now() - topic.asked_at < kLimitIsFresh;
  if (!topic.ready) return Outcome::kTopicNotReady;
  if (!compresses_) {
    refusal_ =
        MakePublishFailure(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, "", record.id, record.topic);
    return Outcome::kRefused;
  }
  // Perhaps it shrinks enough; the broker decides.
  return in_flight_events_ > 0 ? Outcome::kNoRoom : Outcome::kTaken;
}

// As a Java client: murmur2 of the key. We choose, and not librdkafka, to know which partition
// gets its first record.
int32_t Producer::ChoosePartition(Topic& topic, const Record& record) {
  const int32_t count = topic.introductions.partitions();
  if (!record.key) {
    return static_cast<int32_t>(topic.next_keyless++ % static_cast<uint32_t>(count));
  }
  return rd_kafka_msg_partitioner_murmur2(topic.handle, record.key->data(), record.key->size(),
                                          count, nullptr, nullptr);
}

Producer::Outcome Producer::Produce(const Record& record, Ticket ticket) {
  if (holding_ || !HasRoom()) return Outcome::kNoRoom;
  if (transaction_ && !transaction_->takes()) return Outcome::kNoRoom;
  Topic& topic = FindTopic(record.topic);
  if (topic.handle == nullptr) {
    refusal_ = MakePublishFailure(RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, "", record.id, record.topic);
    return Outcome::kRefused;
  }
  if (record.type.empty()) {
    refusal_ = NoType(record.id, record.topic);
    return Outcome::kRefused;
  }
  if (!topic.ready) return Outcome::kTopicNotReady;
  size_t header_bytes = 0;
  for (const Header& header : record.headers) {
    header_bytes += header.name.size() + header.value.size();
  }
  const size_t bytes = header_bytes + (record.key ? record.key->size() : 0) +
                       (record.value ? record.value->size() : 0);
  const bool may_be_large = bytes + batch_bytes_ + kBatchOverhead > topic.max_message_bytes;
  if (may_be_large) {
    const Outcome admitted = Admit(topic, record, bytes);
    if (admitted != Outcome::kTaken) return admitted;
  }
  const int32_t partition = ChoosePartition(topic, record);
  if (!topic.introductions.MaySend(partition)) return Outcome::kNoRoom;
  return Send(topic, record, partition, ticket, header_bytes, bytes);
}

Producer::Outcome Producer::Send(Topic& topic, const Record& record, int32_t partition,
                                 Ticket ticket, size_t header_bytes, size_t bytes) {
  if (transaction_) {
    if (auto failure = transaction_->BeginIfNone(now_)) {
      Fail(*std::move(failure));
      return Outcome::kFailed;
    }
  }
  rd_kafka_headers_t* const headers = rd_kafka_headers_new(record.headers.size());
  for (const Header& header : record.headers) {
    rd_kafka_header_add(headers, header.name.data(), static_cast<ssize_t>(header.name.size()),
                        header.value.data(), static_cast<ssize_t>(header.value.size()));
  }
  std::array<rd_kafka_vu_t, 7> parts;
  parts[0].vtype = RD_KAFKA_VTYPE_RKT;
  parts[0].u.rkt = topic.handle;
  parts[1].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
  parts[1].u.i = RD_KAFKA_MSG_F_COPY;
  parts[2].vtype = RD_KAFKA_VTYPE_KEY;
  parts[2].u.mem = {const_cast<char*>(record.key ? record.key->data() : nullptr),
                    record.key ? record.key->size() : 0};
  parts[3].vtype = RD_KAFKA_VTYPE_VALUE;
  parts[3].u.mem = {const_cast<char*>(record.value ? record.value->data() : nullptr),
                    record.value ? record.value->size() : 0};
  parts[4].vtype = RD_KAFKA_VTYPE_HEADERS;
  parts[4].u.headers = headers;
  parts[5].vtype = RD_KAFKA_VTYPE_OPAQUE;
  const uint64_t extra = ExtraKibibytes(header_bytes);
  parts[5].u.ptr = AsOpaque(ticket, extra);
  parts[6].vtype = RD_KAFKA_VTYPE_PARTITION;
  parts[6].u.i32 = partition;
  rd_kafka_error_t* const error = rd_kafka_produceva(client_, parts.data(), parts.size());
  if (error == nullptr) {
    in_flight_bytes_ +=
        parts[2].u.mem.size + parts[3].u.mem.size + kOverheadPerEvent + (extra << 10);
    ++in_flight_events_;
    if (ticket >= kReleased) ++in_flight_released_;
    if (transaction_) transaction_->OnTaken();
    if (topic.introductions.OnSent(partition, now_)) ++introductions_;
    holding_ =
        bytes + kBatchOverhead > topic.max_message_bytes || (transaction_ && batch_bytes_ == 1);
    return Outcome::kTaken;
  }
  const rd_kafka_resp_err_t code = rd_kafka_error_code(error);
  const std::string text = rd_kafka_error_string(error);
  rd_kafka_error_destroy(error);
  rd_kafka_headers_destroy(headers);  // still ours after a failure
  if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) return Outcome::kNoRoom;
  PublishFailure failure = MakePublishFailure(code, text, record.id, record.topic);
  if (failure.kind == PublishFailure::Kind::kRefused) {
    failure.alone = true;
    refusal_ = std::move(failure);
    return Outcome::kRefused;
  }
  Fail(std::move(failure));
  return Outcome::kFailed;
}

bool Producer::CollectOne(OnDurable on_durable, std::chrono::milliseconds timeout) {
  rd_kafka_event_t* const event = rd_kafka_queue_poll(queue_, static_cast<int>(timeout.count()));
  if (event == nullptr) return false;
  // An event's messages mostly are of one partition, in their order.
  rd_kafka_topic_t* topic = nullptr;
  int32_t partition = 0;
  int64_t offset = -1;
  const auto note = [&] {
    if (acked_offsets_ == nullptr || offset < 0) return;
    acked_offsets_->Note(rd_kafka_topic_name(topic), partition, offset);
  };
  while (const rd_kafka_message_t* message = rd_kafka_event_message_next(event)) {
    in_flight_bytes_ -=
        message->key_len + message->len + kOverheadPerEvent + ExtraBytes(message->_private);
    --in_flight_events_;
    const Ticket ticket = AsTicket(message->_private);
    if (ticket >= kReleased) --in_flight_released_;
    const bool held = std::exchange(holding_, false);
    const bool purged = IsPurged(message);
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      if (message->rkt != topic || message->partition != partition) note();
      if (introductions_ > 0 && FindTopic(rd_kafka_topic_name(message->rkt))
                                    .introductions.OnAcknowledged(message->partition)) {
        --introductions_;
      }
      topic = message->rkt;
      partition = message->partition;
      // The position that ends a transaction is no event.
      const bool is_event = !transaction_ || ticket != kPosition;
      offset = is_event ? message->offset : -1;
      if (!transaction_) {
        on_durable(ticket);
      } else if (is_event) {
        transaction_->OnDelivered(ticket);
      }
    } else if (purged && transaction_ && !abandoned_) {
      // What ended the transaction is not said with the records: with one at a time it is known
      // which it was.
      PublishFailure failure =
          transaction_->WhyNot(EventIdOf(message), rd_kafka_topic_name(message->rkt));
      failure.alone = batch_bytes_ == 1;
      failure.whole_topic = failure.whole_topic && failure.alone;
      Fail(WithKey(std::move(failure), message));
    } else if (!purged) {
      const bool alone =
          held || batch_bytes_ == 1 || message->key_len + message->len > batch_bytes_;
      Fail(FailureOf(client_, message, alone));
    }
  }
  note();
  rd_kafka_event_destroy(event);
  return true;
}

void Producer::ClearEvent() {
  uint64_t wakeups;
  [[maybe_unused]] const ssize_t size = read(event_fd_, &wakeups, sizeof wakeups);
}

bool Producer::Collect(OnDurable on_durable) {
  now_ = std::chrono::steady_clock::now();
  while (CollectOne(on_durable, std::chrono::milliseconds(0))) {
  }
  if (transaction_ && !failure_) {
    if (auto failure = transaction_->Collect(on_durable)) Fail(*std::move(failure));
  }
  if (!failure_) {
    char why[512] = "";
    const rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(client_, why, sizeof why);
    if (fatal != RD_KAFKA_RESP_ERR_NO_ERROR) Fail(MakePublishFailure(fatal, why, "", ""));
  }
  return !failure_;
}

void Producer::AwaitName(OnDurable on_durable) {
  using Clock = std::chrono::steady_clock;
  const auto named_by = Clock::now() + kNamedWithin;
  while (failure_ && failure_->kind == PublishFailure::Kind::kProducerBroken &&
         in_flight_events_ > 0 && Clock::now() < named_by) {
    CollectOne(on_durable, std::chrono::milliseconds(20));
  }
}

void Producer::Abandon(OnDurable on_durable, std::chrono::milliseconds timeout) {
  using Clock = std::chrono::steady_clock;
  if (client_ == nullptr) return;  // it could not connect anew: nothing was on its way
  AwaitName(on_durable);
  const auto deadline = Clock::now() + timeout;
  abandoned_ = true;
  if (!transaction_) {
    const auto answered_by = Clock::now() + kAnsweredWithin;
    while (in_flight_events_ > 0 && Clock::now() < answered_by) {
      // Each time, and more often than librdkafka tries again: what it puts back is not sent any
      // more, else it could overtake what was dropped of its partition.
      rd_kafka_purge(client_, RD_KAFKA_PURGE_F_QUEUE);
      CollectOne(on_durable, std::chrono::milliseconds(20));
    }
  }
  rd_kafka_purge(client_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  while (in_flight_events_ > 0 && Clock::now() < deadline) {
    CollectOne(on_durable, std::chrono::milliseconds(100));
  }
  if (transaction_) transaction_->Collect(on_durable);
}

void Producer::Commit(const std::string& topic, std::string_view key, std::string_view value) {
  if (!topic.empty()) {
    const size_t bytes = key.size() + value.size();
    const Record record{
        .id = {}, .type = {}, .topic = topic, .key = key, .value = value, .headers = {}};
    Topic& state = FindTopic(topic);
    if (state.introductions.partitions() == 0) state.introductions.SetPartitions(1);
    if (Send(state, record, /*partition=*/0, kPosition, 0, bytes) != Outcome::kTaken) {
      Fail({.reason = "the position cannot be given to librdkafka", .fix = "none needed"});
      return;
    }
  }
  transaction_->CommitInBackground();
}

}  // namespace relay
