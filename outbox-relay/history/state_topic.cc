#include "outbox-relay/history/state_topic.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/kafka/admin.h"
#include "outbox-relay/history/topic_reader.h"
#include "outbox-relay/sink/topic_metadata.h"

namespace relay {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using Message = std::unique_ptr<rd_kafka_message_t, decltype(&rd_kafka_message_destroy)>;
using NameAndValue = std::pair<std::string_view, std::string_view>;

// The newest record of a source stands near the end: other sources write as often.
constexpr std::string_view kGroup = "outbox-relay-state";
constexpr int64_t kFirstLook = 256, kLookFurther = 16;

int Left(Clock::time_point deadline) {
  const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
  return static_cast<int>(std::max<int64_t>(0, left.count()));
}

absl::Status Failed(rd_kafka_resp_err_t error, const StateTopicOptions& options) {
  const std::string text = absl::StrCat(
      "topic ", options.topic, ", where the relay's position is kept: ", rd_kafka_err2str(error));
  switch (error) {
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
      return absl::PermissionDeniedError(
          absl::StrCat(text, ". Fix: allow this relay's principal to CREATE, READ and WRITE it"));
    default:
      return absl::UnavailableError(text);
  }
}

bool IsMissing(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
         error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC || error == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
}

// A topic that may not be seen looks like one that does not exist, but for its metadata.
bool IsHidden(rd_kafka_t* client, const std::string& name, Clock::time_point deadline) {
  std::unique_ptr<rd_kafka_topic_t, decltype(&rd_kafka_topic_destroy)> topic(
      rd_kafka_topic_new(client, name.c_str(), nullptr), &rd_kafka_topic_destroy);
  if (topic == nullptr) return false;
  const auto read =
      ReadTopicMetadata(client, topic.get(), std::chrono::milliseconds(Left(deadline)));
  return read.ok() && read->error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
}

// The last value with that key in [from, to), which is empty for a tombstone.
absl::StatusOr<std::optional<std::string>> ReadRange(rd_kafka_t* client,
                                                     const StateTopicOptions& options,
                                                     std::string_view wanted, int64_t from,
                                                     int64_t to, Clock::time_point deadline) {
  std::unique_ptr<rd_kafka_topic_partition_list_t, decltype(&rd_kafka_topic_partition_list_destroy)>
      assigned(rd_kafka_topic_partition_list_new(1), &rd_kafka_topic_partition_list_destroy);
  rd_kafka_topic_partition_list_add(assigned.get(), options.topic.c_str(), 0)->offset = from;
  if (rd_kafka_resp_err_t error = rd_kafka_assign(client, assigned.get())) {
    return Failed(error, options);
  }
  std::optional<std::string> value;
  for (;;) {
    Message message(rd_kafka_consumer_poll(client, Left(deadline)), &rd_kafka_message_destroy);
    if (message == nullptr) {
      if (Left(deadline) == 0) return Failed(RD_KAFKA_RESP_ERR__TIMED_OUT, options);
      continue;
    }
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      // An open transaction is the end for a reader of committed records, until it ends.
      if (message->offset < to) continue;
      return value;
    }
    if (message->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
      return Failed(message->err, options);
    }
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) continue;
    if (message->offset >= to) return value;
    const std::string_view key(static_cast<const char*>(message->key), message->key_len);
    if (key == wanted) value.emplace(static_cast<const char*>(message->payload), message->len);
    if (message->offset + 1 >= to) return value;
  }
}

// The newest value with that key; empty if there is none.
absl::StatusOr<std::string> ReadNewest(const StateTopicOptions& options, std::string_view key,
                                       Records records, milliseconds timeout) {
  const Clock::time_point deadline = Clock::now() + timeout;
  // Also for committed records it ends where it ends for all.
  absl::StatusOr<TopicReader> client = MakeTopicReader(options.kafka, kGroup, Records::kAll);
  if (!client.ok()) return client.status();
  int64_t low = 0, high = 0;
  const rd_kafka_resp_err_t error = rd_kafka_query_watermark_offsets(
      client->get(), options.topic.c_str(), 0, &low, &high, Left(deadline));
  if (IsMissing(error)) {
    if (!IsHidden(client->get(), options.topic, deadline)) return std::string();
    return Failed(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, options);
  }
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return Failed(error, options);
  if (records != Records::kAll) client = MakeTopicReader(options.kafka, kGroup, records);
  if (!client.ok()) return client.status();
  int64_t look = kFirstLook;
  for (int64_t to = high; to > low; look *= kLookFurther) {
    const int64_t from = std::max(low, to - look);
    auto value = ReadRange(client->get(), options, key, from, to, deadline);
    if (!value.ok()) return value.status();
    if (value->has_value()) return **std::move(value);
    to = from;
  }
  return std::string();
}

absl::Status Unreadable(const StateTopicOptions& options, const std::string& key,
                        const absl::Status& why, std::string_view then) {
  return absl::Status(
      why.code(),
      absl::StrCat("topic ", options.topic, ", key ", key, ": ", std::string(why.message()),
                   ". Unless a newer relay wrote it: put a record with that key and no "
                   "value (a tombstone) behind it; ",
                   std::string(then)));
}

}  // namespace

absl::StatusOr<std::optional<HistoryRecord>> ReadStateTopic(const StateTopicOptions& options,
                                                            milliseconds timeout) {
  auto value = ReadNewest(options, options.source, Records::kAll, timeout);
  if (!value.ok()) return value.status();
  if (value->empty()) return std::nullopt;
  absl::StatusOr<HistoryRecord> record = DecodeRecord(*value);
  if (!record.ok()) {
    return Unreadable(options, options.source, record.status(), "the database's row counts then");
  }
  return *std::move(record);
}

absl::StatusOr<std::optional<Watermark>> ReadWatermark(const StateTopicOptions& options,
                                                       milliseconds timeout) {
  const std::string key = WatermarkKey(options.source);
  auto value = ReadNewest(options, key, Records::kCommitted, timeout);
  if (!value.ok()) return value.status();
  if (value->empty()) return std::nullopt;
  absl::StatusOr<Watermark> watermark = DecodeWatermark(*value);
  if (!watermark.ok()) {
    return Unreadable(options, key, watermark.status(),
                      "what was published since the last position that Postgres was told comes "
                      "once more then");
  }
  return *std::move(watermark);
}

absl::Status EnsureStateTopic(const StateTopicOptions& options, milliseconds timeout) {
  // Small segments, cleaned often: a record comes each second, and one for each source counts.
  const kafka::TopicSpec spec{.name = options.topic,
                              .partitions = 1,
                              .replication_factor = -1,  // the brokers' default
                              .config = {{"cleanup.policy", "compact"},
                                         {"segment.ms", "300000"},
                                         {"segment.bytes", "8388608"},
                                         {"min.cleanable.dirty.ratio", "0.1"}}};
  return kafka::EnsureTopics(options.kafka, {&spec, 1}, timeout);
}

absl::StatusOr<std::unique_ptr<StateTopicWriter>> StateTopicWriter::Create(
    const StateTopicOptions& options) {
  // The settings are the events' producer's, who leaves these to its user.
  static constexpr NameAndValue kDefaults[] = {{"linger.ms", "0"},
                                               {"queue.buffering.max.messages", "8"}};
  static constexpr NameAndValue kRequired[] = {{"acks", "all"}, {"message.timeout.ms", "5000"}};
  absl::StatusOr<kafka::Conf> conf = kafka::MakeConf(options.kafka, kDefaults, kRequired);
  if (!conf.ok()) return conf.status();
  auto writer = std::unique_ptr<StateTopicWriter>(new StateTopicWriter());
  writer->source_ = options.source;
  char why[512] = "";
  writer->client_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf->get(), why, sizeof why);
  if (writer->client_ == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("Kafka producer: ", why));
  }
  conf->release();  // the client owns it now
  writer->topic_ = rd_kafka_topic_new(writer->client_, options.topic.c_str(), nullptr);
  if (writer->topic_ == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("no topic can be named ", options.topic));
  }
  return writer;
}

StateTopicWriter::~StateTopicWriter() {
  if (client_ != nullptr)
    rd_kafka_purge(client_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  if (topic_ != nullptr) rd_kafka_topic_destroy(topic_);
  if (client_ != nullptr) rd_kafka_destroy(client_);
}

void StateTopicWriter::Write(const HistoryRecord& record) {
  const std::string value = Encode(record);
  rd_kafka_produce(topic_, /*partition=*/0, RD_KAFKA_MSG_F_COPY, const_cast<char*>(value.data()),
                   value.size(), source_.data(), source_.size(), nullptr);
  rd_kafka_poll(client_, 0);
}

void StateTopicWriter::Flush(milliseconds timeout) {
  rd_kafka_flush(client_, static_cast<int>(timeout.count()));
}

}  // namespace relay
