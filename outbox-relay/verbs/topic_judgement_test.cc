#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "outbox-relay/verbs/kafka_checks.h"

namespace relay {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TopicState Sound() {
  return {.name = "orders",
          .partitions = 12,
          .fewest_replicas = 3,
          .fewest_in_sync = 3,
          .min_in_sync = 2,
          .largest_bytes = 1 << 20,
          .configuration_known = true};
}

std::vector<std::string> Lines(const TopicState& topic, int64_t largest_event_bytes = 100) {
  Symptoms symptoms;
  JudgeTopic(topic, largest_event_bytes, symptoms);
  std::vector<std::string> lines;
  for (const Symptom& symptom : symptoms.all()) lines.push_back(ToText("kafka", symptom));
  return lines;
}

TEST(TopicJudgementTest, ASoundTopicIsOneOk) {
  EXPECT_THAT(Lines(Sound()),
              ElementsAre("OK   kafka  topic orders: 12 partitions, 3 replicas, all "
                          "that acks=all needs"));
}

TEST(TopicJudgementTest, AcksAllMustBePossible) {
  TopicState topic = Sound();
  topic.min_in_sync = 4;
  EXPECT_THAT(Lines(topic),
              ElementsAre(HasSubstr("WARN kafka  topic orders: min.insync.replicas is "
                                    "4, and it has 3 replicas")));
  topic = Sound();
  topic.fewest_in_sync = 1;
  EXPECT_THAT(Lines(topic), ElementsAre(HasSubstr("bring the missing brokers back")));
  topic = Sound();
  topic.min_in_sync = 1;
  EXPECT_THAT(Lines(topic), ElementsAre(HasSubstr("WARN")));
  topic.min_in_sync = 3;
  EXPECT_THAT(Lines(topic), ElementsAre(HasSubstr("give it one more replica")));
  topic = Sound();
  topic.partitions_without_leader = 2;
  topic.unclean_election = true;
  EXPECT_THAT(Lines(topic), ElementsAre(HasSubstr("2 of 12 partitions have no leader"),
                                        HasSubstr("unclean.leader.election.enable")));
}

TEST(TopicJudgementTest, EventsMustFit) {
  EXPECT_THAT(Lines(Sound(), 1 << 20), ElementsAre(HasSubstr("raise max.message.bytes")));
}

TEST(TopicJudgementTest, WithoutItsConfigurationOnlyTheLeadersCount) {
  TopicState topic = Sound();
  topic.configuration_known = false;
  topic.min_in_sync = 9;
  EXPECT_THAT(Lines(topic, 1 << 30), ElementsAre(HasSubstr("OK")));
}

TEST(SymptomTest, IsOneLineWithoutSecrets) {
  const Symptom symptom{.level = Symptom::Level::kFail,
                        .check = "connection",
                        .text = "cannot connect\npostgresql://u:s3cret@h/d",
                        .fix = "mend it"};
  EXPECT_EQ(ToText("a", symptom),
            "FAIL a  connection: cannot connect postgresql://u:***@h/d. Fix: mend it");
  EXPECT_EQ(ToJson("a", symptom),
            "{\"check\":\"connection\",\"fix\":\"mend it\",\"level\":\"FAIL\",\"subject\":\"a\","
            "\"text\":\"cannot connect postgresql://u:***@h/d\"}");
}

}  // namespace
}  // namespace relay
