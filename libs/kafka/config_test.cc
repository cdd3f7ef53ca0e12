#include "libs/kafka/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>

#include <cstdio>
#include <cstdlib>

#include "libs/telemetry/log.h"

namespace kafka {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

TEST(ConfigTest, APropertyIsNameAndValue) {
  EXPECT_EQ(*ParseProperty("sasl.password=a=b"), Property("sasl.password", "a=b"));
  EXPECT_EQ(*ParseProperty("client.rack="), Property("client.rack", ""));
  EXPECT_THAT(Message(ParseProperty("linger.ms").status()), HasSubstr("NAME=VALUE"));
  EXPECT_THAT(Message(ParseProperty("=5").status()), HasSubstr("NAME=VALUE"));
}

TEST(ConfigTest, EachWrongPropertyIsNamedAtOnce) {
  const absl::Status status = CheckSettings({.properties = {{"linger.msec", "5"},
                                                            {"linger.ms", "soon"},
                                                            {"acks", "1"},
                                                            {"socket.keepalive.enable", "true"}}});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(status),
              AllOf(HasSubstr("no Kafka brokers are given"),
                    HasSubstr("\"linger.msec\" is not known to librdkafka"),
                    HasSubstr("\"linger.ms\": Invalid value"),
                    HasSubstr("\"acks\" cannot be set here"), Not(HasSubstr("keepalive"))));
}

TEST(ConfigTest, ASecretValueIsNotRepeated) {
  const absl::Status status =
      CheckSettings({.brokers = "b:1", .properties = {{"ssl.key.pem", "s3cret"}}});
  EXPECT_THAT(Message(status), Not(HasSubstr("s3cret")));
  EXPECT_TRUE(IsSecretProperty("sasl.password"));
  EXPECT_TRUE(IsSecretProperty("ssl.keystore.password"));
  EXPECT_FALSE(IsSecretProperty("sasl.username"));
}

TEST(ConfigTest, UsersWinOverDefaultsButNotOverWhatIsRequired) {
  const std::pair<std::string_view, std::string_view> defaults[] = {{"linger.ms", "5"}};
  const std::pair<std::string_view, std::string_view> required[] = {{"enable.idempotence", "true"},
                                                                    {"linger.ms", "0"}};
  const Settings settings{.brokers = "b:1", .client_id = "t", .properties = {{"linger.ms", "7"}}};
  EXPECT_TRUE(MakeConf(settings, defaults, {}).ok());
  EXPECT_THAT(Message(MakeConf(settings, {}, required).status()),
              HasSubstr("\"linger.ms\" cannot be set here: this program depends on its value"));
}

TEST(ConfigTest, OneKnownWarningOfLibrdkafkaIsLeftOut) {
  char* text = nullptr;
  std::size_t size = 0;
  std::FILE* stream = open_memstream(&text, &size);
  telemetry::InitLogging({.stream = stream});
  const std::pair<std::string_view, std::string_view> required[] = {
      {"enable.idempotence", "true"}, {"enable.gapless.guarantee", "true"}, {"group.id", "g"}};
  Conf conf = *MakeConf({.brokers = "127.0.0.1:1", .client_id = "t"}, {}, required);
  rd_kafka_t* producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf.release(), nullptr, 0);
  ASSERT_NE(producer, nullptr);
  rd_kafka_destroy(producer);
  telemetry::InitLogging({});
  std::fclose(stream);
  const std::string log(text, size);
  std::free(text);
  EXPECT_THAT(log, Not(HasSubstr("gapless")));
  // The others stay: a property for consumers that a producer was given.
  EXPECT_THAT(log, AllOf(HasSubstr("CONFWARN"), HasSubstr("group.id")));
}

}  // namespace
}  // namespace kafka
