#include "outbox-relay/verbs/kafka_checks.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"

namespace relay {
namespace {

using std::chrono::milliseconds;
using NameAndValue = std::pair<std::string_view, std::string_view>;

// As the producer has them, so that what they need is asked for.
constexpr NameAndValue kRequired[] = {{"enable.idempotence", "true"}, {"acks", "all"}};

template <auto kDestroy>
struct Destroy {
  template <typename T>
  void operator()(T* object) const {
    kDestroy(object);
  }
};
using Client = std::unique_ptr<rd_kafka_t, Destroy<&rd_kafka_destroy>>;
using Metadata = std::unique_ptr<const rd_kafka_metadata_t, Destroy<&rd_kafka_metadata_destroy>>;
using Queue = std::unique_ptr<rd_kafka_queue_t, Destroy<&rd_kafka_queue_destroy>>;
using Event = std::unique_ptr<rd_kafka_event_t, Destroy<&rd_kafka_event_destroy>>;
using Options = std::unique_ptr<rd_kafka_AdminOptions_t, Destroy<&rd_kafka_AdminOptions_destroy>>;
using Topic = std::unique_ptr<rd_kafka_topic_t, Destroy<&rd_kafka_topic_destroy>>;

std::string Words(rd_kafka_resp_err_t error) {
  return absl::StrCat(rd_kafka_err2name(error), ": ", rd_kafka_err2str(error));
}

Metadata Ask(rd_kafka_t* client, rd_kafka_topic_t* topic, milliseconds timeout,
             rd_kafka_resp_err_t& error) {
  const rd_kafka_metadata_t* metadata = nullptr;
  // Without a topic: none, just the brokers.
  error = rd_kafka_metadata(client, 0, topic, &metadata, static_cast<int>(timeout.count()));
  return Metadata(metadata);
}

// The topic's state, without its configuration; or a symptom that says why there is none.
bool ReadTopic(rd_kafka_t* client, const std::string& name, milliseconds timeout, TopicState& state,
               Symptoms& symptoms) {
  const std::string check = absl::StrCat("topic ", name);
  const Topic topic(rd_kafka_topic_new(client, name.c_str(), nullptr));
  if (topic == nullptr) {
    symptoms.Fail(check, "no topic can have this name", "correct what writes the outbox row");
    return false;
  }
  rd_kafka_resp_err_t error;
  const Metadata metadata = Ask(client, topic.get(), timeout, error);
  if (metadata != nullptr && metadata->topic_cnt == 1) error = metadata->topics[0].err;
  if (error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
    symptoms.Fail(check, "it does not exist: its events wait",
                  absl::StrCat("create the topic ", name, " (services with --create_topics do)"));
  } else if (error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
    symptoms.Fail(check, "the relay's principal may not see it",
                  absl::StrCat("allow it to WRITE and DESCRIBE the topic ", name));
  } else if (error != RD_KAFKA_RESP_ERR_NO_ERROR &&
             error != RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE) {
    symptoms.Fail(check, Words(error), "see the broker's log about the topic");
  } else {
    const rd_kafka_metadata_topic& found = metadata->topics[0];
    state.name = name;
    state.partitions = found.partition_cnt;
    for (int i = 0; i < found.partition_cnt; ++i) {
      const rd_kafka_metadata_partition& partition = found.partitions[i];
      state.partitions_without_leader += partition.leader < 0 ? 1 : 0;
      const auto fewest = [i](int so_far, int now) { return i == 0 ? now : std::min(so_far, now); };
      state.fewest_replicas = fewest(state.fewest_replicas, partition.replica_cnt);
      state.fewest_in_sync = fewest(state.fewest_in_sync, partition.isr_cnt);
    }
    return true;
  }
  return false;
}

// Fills in what the topics' configurations say. A topic whose configuration may not be read is a
// symptom and stays unknown.
void ReadConfigurations(rd_kafka_t* client, std::map<std::string, TopicState>& topics,
                        milliseconds timeout, Symptoms& symptoms) {
  std::vector<rd_kafka_ConfigResource_t*> wanted;
  for (const auto& [name, state] : topics) {
    wanted.push_back(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name.c_str()));
  }
  const Queue queue(rd_kafka_queue_new(client));
  const Options options(rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS));
  char why[256];
  rd_kafka_AdminOptions_set_request_timeout(options.get(), static_cast<int>(timeout.count()), why,
                                            sizeof why);
  rd_kafka_DescribeConfigs(client, wanted.data(), wanted.size(), options.get(), queue.get());
  rd_kafka_ConfigResource_destroy_array(wanted.data(), wanted.size());
  const Event event(rd_kafka_queue_poll(queue.get(), static_cast<int>(timeout.count()) + 1'000));
  const auto unknown = [&symptoms](const std::string& name, const std::string& reason) {
    symptoms.Warn(absl::StrCat("topic ", name),
                  absl::StrCat("its configuration cannot be read: ", reason),
                  "allow this principal DESCRIBE_CONFIGS on the topic to have it checked");
  };
  const rd_kafka_resp_err_t error =
      event == nullptr ? RD_KAFKA_RESP_ERR__TIMED_OUT : rd_kafka_event_error(event.get());
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    for (const auto& [name, state] : topics) unknown(name, Words(error));
    return;
  }
  size_t count = 0;
  const rd_kafka_ConfigResource_t** const resources = rd_kafka_DescribeConfigs_result_resources(
      rd_kafka_event_DescribeConfigs_result(event.get()), &count);
  for (size_t i = 0; i < count; ++i) {
    TopicState& state = topics.at(rd_kafka_ConfigResource_name(resources[i]));
    if (rd_kafka_ConfigResource_error(resources[i]) != RD_KAFKA_RESP_ERR_NO_ERROR) {
      unknown(state.name, Words(rd_kafka_ConfigResource_error(resources[i])));
      continue;
    }
    size_t entries = 0;
    const rd_kafka_ConfigEntry_t** const entry =
        rd_kafka_ConfigResource_configs(resources[i], &entries);
    state.configuration_known = true;
    for (size_t e = 0; e < entries; ++e) {
      const char* const value = rd_kafka_ConfigEntry_value(entry[e]);
      const std::string name = rd_kafka_ConfigEntry_name(entry[e]), text = value ? value : "";
      if (name == "min.insync.replicas") state.min_in_sync = std::atoi(text.c_str());
      if (name == "max.message.bytes") state.largest_bytes = std::atoll(text.c_str());
      if (name == "unclean.leader.election.enable") state.unclean_election = text == "true";
    }
  }
}

// What the idempotent producer has run into meanwhile.
void CheckProducer(rd_kafka_t* client, Symptoms& symptoms) {
  char why[512] = "";
  const rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(client, why, sizeof why);
  if (fatal == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED) {
    symptoms.Fail("idempotent producer", Words(fatal),
                  "allow the relay's principal IDEMPOTENT_WRITE on the cluster");
  } else if (fatal != RD_KAFKA_RESP_ERR_NO_ERROR) {
    symptoms.Fail("idempotent producer", absl::StrCat(Words(fatal), " (", why, ")"),
                  "see the broker's log");
  }
}

}  // namespace

Symptoms CheckKafka(const kafka::Settings& settings, const std::vector<TopicInUse>& topics,
                    milliseconds timeout) {
  Symptoms symptoms;
  absl::StatusOr<kafka::Conf> conf = kafka::MakeConf(settings, {}, kRequired);
  if (!conf.ok()) {
    symptoms.Fail("settings", std::string(conf.status().message()), "correct --kafka_property");
    return symptoms;
  }
  char why[512] = "";
  const Client client(rd_kafka_new(RD_KAFKA_PRODUCER, conf->get(), why, sizeof why));
  if (client == nullptr) {
    symptoms.Fail("settings", why, "correct --kafka_property");
    return symptoms;
  }
  conf->release();  // the client owns it now
  rd_kafka_resp_err_t error;
  const Metadata brokers = Ask(client.get(), nullptr, timeout, error);
  if (brokers == nullptr) {
    symptoms.Fail(
        "brokers", absl::StrCat(settings.brokers, " do not answer: ", Words(error)),
        "check --kafka_brokers, that they run, their advertised.listeners, and for TLS and "
        "SASL --kafka_property");
    return symptoms;
  }
  symptoms.Ok("brokers", absl::StrCat(brokers->broker_cnt, " in the cluster"));
  std::map<std::string, TopicState> states;
  std::map<std::string, int64_t> largest;
  for (const TopicInUse& topic : topics) {
    largest[topic.topic] = std::max(largest[topic.topic], topic.largest_bytes);
  }
  for (const auto& [name, bytes] : largest) {
    TopicState state;
    if (ReadTopic(client.get(), name, timeout, state, symptoms)) states[name] = state;
  }
  if (!states.empty()) ReadConfigurations(client.get(), states, timeout, symptoms);
  for (const auto& [name, state] : states) JudgeTopic(state, largest[name], symptoms);
  CheckProducer(client.get(), symptoms);
  return symptoms;
}

}  // namespace relay
