#include "libs/kafka/admin.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "libs/telemetry/log.h"
#include "libs/waiting/until_stop.h"

namespace kafka {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

struct ClientDeleter {
  void operator()(rd_kafka_t* client) const { rd_kafka_destroy(client); }
};
using Client = std::unique_ptr<rd_kafka_t, ClientDeleter>;

struct NewTopicDeleter {
  void operator()(rd_kafka_NewTopic_t* topic) const { rd_kafka_NewTopic_destroy(topic); }
};
using NewTopic = std::unique_ptr<rd_kafka_NewTopic_t, NewTopicDeleter>;

struct MetadataDeleter {
  void operator()(const rd_kafka_metadata_t* metadata) const {
    rd_kafka_metadata_destroy(metadata);
  }
};
using Metadata = std::unique_ptr<const rd_kafka_metadata_t, MetadataDeleter>;

int Remaining(Clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::max<std::int64_t>(left, 1));
}

// Errors that pass by themselves.
bool IsTransient(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_NOT_CONTROLLER:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
    // More replicas than brokers: at a cluster's start some are still missing.
    case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
      return true;
    default:
      return false;
  }
}

absl::Status Failed(rd_kafka_resp_err_t error, const std::string& what, const char* detail) {
  const std::string text = absl::StrCat(what, ": ", detail);
  return IsTransient(error) ? absl::UnavailableError(text) : absl::FailedPreconditionError(text);
}

absl::StatusOr<Client> Connect(const Settings& settings) {
  absl::StatusOr<Conf> conf = MakeConf(settings, {}, {});
  if (!conf.ok()) return conf.status();
  char why[512] = "";
  Client client(rd_kafka_new(RD_KAFKA_PRODUCER, conf->get(), why, sizeof why));
  if (client == nullptr) return absl::InvalidArgumentError(absl::StrCat("Kafka client: ", why));
  conf->release();  // the client owns it now
  return client;
}

absl::StatusOr<Metadata> ReadMetadata(rd_kafka_t* client, Clock::time_point deadline) {
  const rd_kafka_metadata_t* metadata = nullptr;
  const rd_kafka_resp_err_t error =
      rd_kafka_metadata(client, /*all_topics=*/1, nullptr, &metadata, Remaining(deadline));
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return Failed(error, "cannot read the list of topics", rd_kafka_err2str(error));
  }
  return Metadata(metadata);
}

const rd_kafka_metadata_topic* Find(const rd_kafka_metadata_t& metadata, const std::string& name) {
  for (int i = 0; i < metadata.topic_cnt; ++i) {
    if (name == metadata.topics[i].topic) return &metadata.topics[i];
  }
  return nullptr;
}

bool EachPartitionHasALeader(const rd_kafka_metadata_topic& topic) {
  return topic.err == RD_KAFKA_RESP_ERR_NO_ERROR && topic.partition_cnt > 0 &&
         std::all_of(topic.partitions, topic.partitions + topic.partition_cnt,
                     [](const rd_kafka_metadata_partition& partition) {
                       return partition.leader >= 0 && partition.err == RD_KAFKA_RESP_ERR_NO_ERROR;
                     });
}

absl::StatusOr<NewTopic> Describe(const TopicSpec& spec) {
  char why[512] = "";
  NewTopic topic(rd_kafka_NewTopic_new(spec.name.c_str(), spec.partitions, spec.replication_factor,
                                       why, sizeof why));
  if (topic == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("topic ", spec.name, ": ", why));
  }
  if (spec.retention.count() > 0) {
    rd_kafka_NewTopic_set_config(topic.get(), "retention.ms",
                                 std::to_string(spec.retention.count()).c_str());
  }
  for (const auto& [name, value] : spec.config) {
    rd_kafka_NewTopic_set_config(topic.get(), name.c_str(), value.c_str());
  }
  return topic;
}

// Sends the request and waits for its answer; a topic that another program made meanwhile is fine.
absl::Status Create(rd_kafka_t* client, const std::vector<const TopicSpec*>& missing,
                    Clock::time_point deadline) {
  std::vector<NewTopic> topics;
  std::vector<rd_kafka_NewTopic_t*> request;
  for (const TopicSpec* spec : missing) {
    absl::StatusOr<NewTopic> topic = Describe(*spec);
    if (!topic.ok()) return topic.status();
    topics.push_back(*std::move(topic));
    request.push_back(topics.back().get());
  }
  const std::unique_ptr<rd_kafka_queue_t, decltype(&rd_kafka_queue_destroy)> queue(
      rd_kafka_queue_new(client), &rd_kafka_queue_destroy);
  const std::unique_ptr<rd_kafka_AdminOptions_t, decltype(&rd_kafka_AdminOptions_destroy)> options(
      rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_CREATETOPICS),
      &rd_kafka_AdminOptions_destroy);
  char why[512] = "";
  rd_kafka_AdminOptions_set_request_timeout(options.get(), Remaining(deadline), why, sizeof why);
  rd_kafka_CreateTopics(client, request.data(), request.size(), options.get(), queue.get());

  // The request timeout ends the wait; the margin is for librdkafka to say so.
  const std::unique_ptr<rd_kafka_event_t, decltype(&rd_kafka_event_destroy)> event(
      rd_kafka_queue_poll(queue.get(), Remaining(deadline) + 1000), &rd_kafka_event_destroy);
  if (event == nullptr) return absl::UnavailableError("no answer to the creation of topics");
  if (const auto error = rd_kafka_event_error(event.get()); error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return Failed(error, "cannot create topics", rd_kafka_event_error_string(event.get()));
  }
  std::size_t count = 0;
  const rd_kafka_topic_result_t** results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &count);
  absl::Status worst;
  for (std::size_t i = 0; i < count; ++i) {
    const rd_kafka_resp_err_t error = rd_kafka_topic_result_error(results[i]);
    const char* name = rd_kafka_topic_result_name(results[i]);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
      telemetry::Info("topic created", {{"topic", name}});
    } else if (error != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
      const char* detail = rd_kafka_topic_result_error_string(results[i]);
      const absl::Status status = Failed(error, absl::StrCat("cannot create topic ", name),
                                         detail == nullptr ? rd_kafka_err2str(error) : detail);
      // What needs a person goes before what passes by itself.
      if (worst.ok() || absl::IsUnavailable(worst)) worst = status;
    }
  }
  return worst;
}

absl::Status AwaitLeaders(rd_kafka_t* client, std::span<const TopicSpec> topics,
                          Clock::time_point deadline) {
  while (true) {
    const absl::StatusOr<Metadata> metadata = ReadMetadata(client, deadline);
    if (!metadata.ok()) return metadata.status();
    const auto waiting = std::find_if(topics.begin(), topics.end(), [&](const TopicSpec& spec) {
      const rd_kafka_metadata_topic* topic = Find(**metadata, spec.name);
      return topic == nullptr || !EachPartitionHasALeader(*topic);
    });
    if (waiting == topics.end()) return absl::OkStatus();
    if (Clock::now() >= deadline) {
      return absl::DeadlineExceededError(
          absl::StrCat("topic ", waiting->name, " has no leader for each partition yet"));
    }
    rd_kafka_poll(client, 20);  // sleeps
  }
}

}  // namespace

absl::Status EnsureTopics(const Settings& settings, std::span<const TopicSpec> topics,
                          milliseconds timeout) {
  if (topics.empty()) return absl::OkStatus();
  const Clock::time_point deadline = Clock::now() + timeout;
  const absl::StatusOr<Client> client = Connect(settings);
  if (!client.ok()) return client.status();
  const absl::StatusOr<Metadata> metadata = ReadMetadata(client->get(), deadline);
  if (!metadata.ok()) return metadata.status();

  std::vector<const TopicSpec*> missing;
  for (const TopicSpec& spec : topics) {
    const rd_kafka_metadata_topic* topic = Find(**metadata, spec.name);
    if (topic == nullptr) {
      missing.push_back(&spec);
    } else if (topic->partition_cnt > 0 && topic->partition_cnt != spec.partitions) {
      telemetry::Warn(
          "a topic has another number of partitions than this program would give it; "
          "leave it so, or drain it and make it anew",
          {{"topic", spec.name},
           {"partitions", topic->partition_cnt},
           {"wanted", spec.partitions}});
    }
  }
  if (!missing.empty()) {
    const absl::Status created = Create(client->get(), missing, deadline);
    if (!created.ok()) return created;
  }
  return AwaitLeaders(client->get(), topics, deadline);
}

absl::Status AwaitTopics(const Settings& settings, std::span<const TopicSpec> topics,
                         std::stop_token stop) {
  for (milliseconds backoff(250); !stop.stop_requested();
       backoff = std::min(backoff * 2, milliseconds(5000))) {
    const absl::Status status = EnsureTopics(settings, topics, milliseconds(5000));
    if (status.ok() || absl::IsInvalidArgument(status)) return status;
    const bool passes = absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
    telemetry::Log(passes ? telemetry::Level::kWarn : telemetry::Level::kError,
                   "waiting for Kafka's topics",
                   {{"brokers", settings.brokers},
                    {"error", std::string(status.message())},
                    {"retry_ms", backoff.count()}});
    waiting::UntilStop(stop, backoff);
  }
  return absl::CancelledError("stopped while waiting for Kafka's topics");
}

}  // namespace kafka
