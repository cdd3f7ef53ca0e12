// How long an event takes from its commit to a consumer, at 1,000 events a second, one row a
// transaction.
//
// Method: writers insert at fixed times, each its own transaction, and note when COMMIT returned;
// an independent consumer notes when the event arrives. Against it the floor: from COMMIT to the
// bytes at a bare replication client of the same server, plus from produce to consume with the
// relay's producer settings and no database. The three take turns; medians of the rounds'
// quantiles. Postgres has fsync on, Kafka acks=all.
#include <librdkafka/rdkafka.h>
#include <poll.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/kafka/admin.h"
#include "libs/outbox/migrations.h"
#include "libs/testing/servers.h"
#include "libs/testing/test_database.h"
#include "outbox-relay/sink/producer.h"
#include "outbox-relay/source/replication_stream.h"
#include "outbox-relay/source/stream_frame.h"
#include "outbox-relay/source/transaction_reader.h"
#include "outbox-relay/testing/relay_process.h"

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;

constexpr int kPerSecond = 1'000, kSeconds = 8, kRounds = 3, kWriters = 8;
constexpr int kEvents = kPerSecond * kSeconds;
// Connections, caches and the JVM warm up on the first ones.
constexpr int kWarmUp = kPerSecond;
constexpr size_t kPayload = 200;

int64_t Now() {
  return std::chrono::duration_cast<microseconds>(Clock::now().time_since_epoch()).count();
}

template <typename T>
T OrExit(absl::StatusOr<T> value) {
  if (!value.ok()) {
    std::fprintf(stderr, "relay_latency_bench: %s\n", value.status().ToString().c_str());
    std::exit(1);
  }
  return *std::move(value);
}
void OrExit(const absl::Status& status) { OrExit(status.ok() ? absl::StatusOr<int>(0) : status); }

// When each event was sent and when it arrived, in microseconds; 0: not yet.
struct Times {
  std::vector<std::atomic<int64_t>> sent = std::vector<std::atomic<int64_t>>(kEvents);
  std::vector<std::atomic<int64_t>> arrived = std::vector<std::atomic<int64_t>>(kEvents);
  std::atomic<int> count = 0;

  void Arrive(std::string_view payload) {
    int index = -1;
    if (payload.size() >= sizeof index) std::memcpy(&index, payload.data(), sizeof index);
    if (index < 0 || index >= kEvents) return;
    int64_t none = 0;
    if (arrived[static_cast<size_t>(index)].compare_exchange_strong(none, Now())) ++count;
  }
};

struct Quantiles {
  double p50_ms, p99_ms;
};

Quantiles QuantilesOf(const Times& times, const char* what) {
  std::vector<int64_t> latencies;
  for (size_t i = kWarmUp; i < kEvents; ++i) {
    if (times.arrived[i] != 0) latencies.push_back(times.arrived[i] - times.sent[i]);
  }
  if (latencies.size() < kEvents - kWarmUp) {
    std::fprintf(stderr, "relay_latency_bench: %zu of %d events arrived (%s)\n", latencies.size(),
                 kEvents - kWarmUp, what);
    std::exit(1);
  }
  std::sort(latencies.begin(), latencies.end());
  const auto at = [&](double share) {
    return static_cast<double>(latencies[static_cast<size_t>(share * (latencies.size() - 1))]) /
           1e3;
  };
  std::printf("%-24s p50 %.3f ms, p90 %.3f ms, p99 %.3f ms, most %.1f ms\n", what, at(0.5), at(0.9),
              at(0.99), at(1));
  return {at(0.5), at(0.99)};
}

std::string PayloadOf(int index) {
  std::string payload(kPayload, 'x');
  std::memcpy(payload.data(), &index, sizeof index);
  return payload;
}

// Calls send(i) at its time for i = first, first + step, …
void Paced(Clock::time_point start, int first, int step, const std::function<void(int)>& send) {
  for (int i = first; i < kEvents; i += step) {
    std::this_thread::sleep_until(start + microseconds(1'000'000 / kPerSecond) * i);
    send(i);
  }
}

// Inserts all events, each in a transaction of its own, and waits until they have arrived.
void WriteAll(const testsupport::TestDatabase& database, const std::string& topic, Times& times) {
  const auto start = Clock::now() + std::chrono::milliseconds(200);
  const std::string sql = absl::StrCat(
      "INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, topic) VALUES "
      "(gen_random_uuid(), 'Bench', 'key-' || $1::bigint % 1000, 'bench.v1.Made', $2, '",
      topic, "')");
  std::vector<std::thread> writers;
  for (int writer = 0; writer < kWriters; ++writer) {
    writers.emplace_back([&, writer] {
      postgres::Connection connection = database.Connect();
      Paced(start, writer, kWriters, [&](int i) {
        OrExit(connection.Execute(sql, postgres::Params().Int64(i).Bytes(PayloadOf(i))));
        times.sent[static_cast<size_t>(i)] = Now();
      });
    });
  }
  for (std::thread& writer : writers) writer.join();
}

void AwaitAll(const Times& times) {
  const auto deadline = Clock::now() + std::chrono::seconds(30);
  while (times.count < kEvents && Clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

// Reads a topic from its present end.
class Consumer {
 public:
  Consumer(const std::string& topic, int partitions, Times& times) {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    const std::string brokers = testsupport::KafkaServer();
    rd_kafka_conf_set(conf, "bootstrap.servers", brokers.c_str(), nullptr, 0);
    rd_kafka_conf_set(conf, "group.id", "relay-latency", nullptr, 0);
    rd_kafka_conf_set(conf, "enable.auto.commit", "false", nullptr, 0);
    rd_kafka_conf_set(conf, "socket.nagle.disable", "true", nullptr, 0);
    client_ = rd_kafka_new(RD_KAFKA_CONSUMER, conf, nullptr, 0);
    rd_kafka_poll_set_consumer(client_);
    rd_kafka_topic_partition_list_t* all = rd_kafka_topic_partition_list_new(partitions);
    for (int32_t partition = 0; partition < partitions; ++partition) {
      rd_kafka_topic_partition_list_add(all, topic.c_str(), partition)->offset =
          RD_KAFKA_OFFSET_BEGINNING;
    }
    rd_kafka_assign(client_, all);
    rd_kafka_topic_partition_list_destroy(all);
    thread_ = std::thread([this, &times] {
      while (!stop_) {
        rd_kafka_message_t* message = rd_kafka_consumer_poll(client_, 100);
        if (message == nullptr) continue;
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
          times.Arrive({static_cast<const char*>(message->payload), message->len});
        }
        rd_kafka_message_destroy(message);
      }
    });
    // Its fetches are under way before the first event.
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
  ~Consumer() {
    stop_ = true;
    thread_.join();
    rd_kafka_consumer_close(client_);
    rd_kafka_destroy(client_);
  }

 private:
  rd_kafka_t* client_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

constexpr int kPartitions = 12;

std::string NewTopic() {
  const kafka::TopicSpec topic{.name = testsupport::UniqueName("bench-"),
                               .partitions = kPartitions};
  OrExit(kafka::EnsureTopics({.brokers = testsupport::KafkaServer(), .client_id = "bench"},
                             {&topic, 1}));
  return topic.name;
}

// From COMMIT to the bytes at a bare client of the slot, which does nothing with them.
Quantiles ReplicationFloor(const testsupport::TestDatabase& database) {
  Times times;
  auto stream = OrExit(relay::ReplicationStream::Connect({.conninfo = database.relay()}));
  OrExit(stream->Start(relay::Lsn{}));
  std::atomic<bool> stop = false;
  std::thread client([&] {
    relay::TransactionReader reader;
    relay::Lsn end;
    auto told = Clock::now();
    while (!stop) {
      pollfd socket = {stream->fd(), POLLIN, 0};
      poll(&socket, 1, 100);
      OrExit(stream->Receive());
      for (auto bytes = OrExit(stream->NextFrame()); !bytes.empty();
           bytes = OrExit(stream->NextFrame())) {
        const auto frame = OrExit(relay::DecodeFrame(bytes));
        const auto* data = std::get_if<relay::WalData>(&frame);
        if (data == nullptr) continue;
        const auto step = OrExit(reader.Read(data->data));
        if (step == relay::TransactionReader::Step::kEvent) times.Arrive(*reader.event().payload);
        if (step == relay::TransactionReader::Step::kCommit) end = reader.end_lsn();
      }
      if (Clock::now() - told < std::chrono::milliseconds(100)) continue;
      told = Clock::now();
      OrExit(stream->SendStatus(end));
    }
    stream->Finish(std::chrono::seconds(1));
  });
  WriteAll(database, "nowhere", times);
  AwaitAll(times);
  stop = true;
  client.join();
  return QuantilesOf(times, "commit to bytes");
}

// From produce to consume.
Quantiles KafkaFloor() {
  Times times;
  const std::string topic = NewTopic();
  Consumer consumer(topic, kPartitions, times);
  relay::ProducerOptions options;
  options.kafka = {.brokers = testsupport::KafkaServer(), .client_id = "bench"};
  auto producer = OrExit(relay::Producer::Create(options));
  OrExit(producer->AwaitTopic(topic, std::chrono::seconds(10)));
  relay::RecordBuilder records("bench");
  Paced(Clock::now() + std::chrono::milliseconds(200), 0, 1, [&](int i) {
    const std::string key = absl::StrCat("key-", i % 1000), payload = PayloadOf(i);
    const relay::Event event{.id = "0192f0c1-2345-7abc-8def-0123456789ab",
                             .aggregate_id = key,
                             .type = "bench.v1.Made",
                             .topic = topic,
                             .payload = payload};
    times.sent[static_cast<size_t>(i)] = Now();
    const relay::Record& record = records.Build(event);
    auto outcome = producer->Produce(record, 1);
    // A partition's first record goes alone: the next one waits for its acknowledgement.
    while (outcome == relay::Producer::Outcome::kNoRoom) {
      pollfd acknowledged = {producer->event_fd(), POLLIN, 0};
      poll(&acknowledged, 1, 1'000);
      producer->ClearEvent();
      producer->Collect([](relay::Producer::Ticket) {});
      outcome = producer->Produce(record, 1);
    }
    if (outcome != relay::Producer::Outcome::kTaken) OrExit(absl::InternalError("not taken"));
    producer->Collect([](relay::Producer::Ticket) {});
  });
  AwaitAll(times);
  return QuantilesOf(times, "produce to consume");
}

Quantiles Relayed(const testsupport::TestDatabase& database, const char* mode, const char* what) {
  Times times;
  const std::string topic = NewTopic();
  Consumer consumer(topic, kPartitions, times);
  relay::RelayProcess process({"--source=bench=" + database.relay(),
                               "--kafka_brokers=" + testsupport::KafkaServer(), mode,
                               "--state_topic=" + testsupport::UniqueName("bench-state-")});
  WriteAll(database, topic, times);
  AwaitAll(times);
  const double count = process.Metric("outbox_commit_to_ack_seconds_count{source=\"bench\"}");
  const double sum = process.Metric("outbox_commit_to_ack_seconds_sum{source=\"bench\"}");
  std::printf("relay's own mean from the commit record to Kafka's ack: %.3f ms\n",
              sum / count * 1e3);
  if (process.Stop() != 0) OrExit(absl::InternalError("outbox-relay did not end well"));
  return QuantilesOf(times, what);
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

class OutboxDatabase {
 public:
  OutboxDatabase() {
    auto relay = OrExit(postgres::Connection::Open(database_.relay(), "bench"));
    OrExit(relay.ExecuteScript(absl::StrCat("SELECT pg_create_logical_replication_slot('outbox_",
                                            database_.name(), "', 'pgoutput')")));
  }
  const testsupport::TestDatabase& operator*() const { return database_; }

 private:
  static std::span<const postgres::MigrationSet* const> Migrations() {
    static const postgres::MigrationSet* const kAll[] = {&postgres::PartitionMigrations(),
                                                         &postgres::OutboxMigrations()};
    return kAll;
  }
  testsupport::TestDatabase database_{Migrations()};
};

}  // namespace

int main() {
  // One for the floor's client: a slot that somebody else has moved is refused by the relay.
  OutboxDatabase floor, source, exactly_once;
  std::vector<double> floor50, floor99, relay50, relay99, once50, once99;
  for (int round = 0; round < kRounds; ++round) {
    const Quantiles bytes = ReplicationFloor(*floor);
    const Quantiles kafka = KafkaFloor();
    const Quantiles relayed = Relayed(*source, "--no_exactly_once", "commit to consumer");
    const Quantiles once = Relayed(*exactly_once, "--exactly_once", "the same, exactly once");
    once50.push_back(once.p50_ms);
    once99.push_back(once.p99_ms);
    floor50.push_back(bytes.p50_ms + kafka.p50_ms);
    floor99.push_back(bytes.p99_ms + kafka.p99_ms);
    relay50.push_back(relayed.p50_ms);
    relay99.push_back(relayed.p99_ms);
  }
  std::printf("figure relay_latency_floor_p50_ms %.3f ms\n", Median(floor50));
  std::printf("figure relay_latency_floor_p99_ms %.3f ms\n", Median(floor99));
  std::printf("figure relay_p50_ms %.3f ms\n", Median(relay50));
  std::printf("figure relay_p99_ms %.3f ms\n", Median(relay99));
  std::printf("figure relay_exactly_once_p50_ms %.3f ms\n", Median(once50));
  std::printf("figure relay_exactly_once_p99_ms %.3f ms\n", Median(once99));
  std::printf("ratio relay_p50_vs_floor %.3f\n", Median(relay50) / Median(floor50));
  std::printf("ratio relay_p99_vs_floor %.3f\n", Median(relay99) / Median(floor99));
  return 0;
}
