#include "outbox-relay/history/topic_reader.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace relay {

absl::StatusOr<TopicReader> MakeTopicReader(const kafka::Settings& kafka, std::string_view group,
                                            Records records) {
  static constexpr std::pair<std::string_view, std::string_view> kDefaults[] = {
      {"fetch.wait.max.ms", "10"}, {"queued.max.messages.kbytes", "8192"}};
  const std::pair<std::string_view, std::string_view> kRequired[] = {
      {"group.id", group},
      {"enable.auto.commit", "false"},
      {"enable.partition.eof", "true"},
      {"auto.offset.reset", "earliest"},
      {"allow.auto.create.topics", "false"},
      {"isolation.level", records == Records::kAll ? "read_uncommitted" : "read_committed"}};
  absl::StatusOr<kafka::Conf> conf = kafka::MakeConf(kafka, kDefaults, kRequired);
  if (!conf.ok()) return conf.status();
  char why[512] = "";
  TopicReader reader(rd_kafka_new(RD_KAFKA_CONSUMER, conf->get(), why, sizeof why),
                     &rd_kafka_destroy);
  if (reader == nullptr) return absl::InvalidArgumentError(absl::StrCat("Kafka consumer: ", why));
  conf->release();  // the reader owns it now
  return reader;
}

}  // namespace relay
