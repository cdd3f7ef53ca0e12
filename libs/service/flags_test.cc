#include "libs/service/flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace service {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

struct Config {
  std::string database;
  std::string grpc_address = "127.0.0.1:21001";
  std::string token;
  int max_items = 100;
  bool create_topics = true;
  std::chrono::seconds drain{10};
  std::vector<std::string> properties;
  std::string owner_database;
};

class FlagsTest : public ::testing::Test {
 protected:
  FlagsTest() {
    Verb& run = flags_.AddVerb("run", "Serves until SIGTERM.");
    run.Add(&config_.database, {.name = "database",
                                .help = "Where the data is.",
                                .example = "postgresql://order_service@db/order_service",
                                .required = true});
    run.Add(&config_.grpc_address,
            {.name = "grpc_address", .help = "Where it listens.", .check = IsHostPort()});
    run.Add(&config_.token, {.name = "token", .help = "A secret.", .secret = true});
    run.Add(&config_.max_items, {.name = "max_items", .help = "Items.", .check = InRange(1, 1000)});
    run.Add(&config_.create_topics, {.name = "create_topics", .help = "Make topics."});
    run.Add(&config_.drain, {.name = "drain_timeout_s", .help = "How long."});
    run.Add(&config_.properties, {.name = "kafka_property", .help = "NAME=VALUE."});
    flags_.AddCheck(run, [this] {
      return config_.max_items == 13
                 ? absl::InvalidArgumentError("--max_items: 13 brings bad luck, take 12")
                 : absl::OkStatus();
    });
    Verb& migrate = flags_.AddVerb("migrate", "Brings the database up to date.");
    migrate.Add(&config_.owner_database, {.name = "owner_database", .help = "As owner."});
    service::Verb& list = flags_.AddVerb("parked list", "Lists what is parked.");
    list.Add(&config_.max_items, {.name = "most", .help = "So many."});
    list.AddExample("--most=5");
  }

  Flags::Outcome Parse(std::vector<std::string> arguments) {
    return flags_.Parse(arguments, [this](const std::string& name) -> std::optional<std::string> {
      const auto found = environment_.find(name);
      return found == environment_.end() ? std::nullopt : std::optional(found->second);
    });
  }

  Config config_;
  std::map<std::string, std::string> environment_;
  Flags flags_{"order-service", "1.2.3", "Takes orders."};
};

TEST_F(FlagsTest, ValuesInAllForms) {
  const auto outcome = Parse({"--database=a=b", "--grpc-address", "[::1]:5", "--max_items", "7",
                              "--no_create_topics", "--drain_timeout_s=3", "--kafka_property=a=1",
                              "--kafka_property", "b=2"});
  EXPECT_EQ(outcome.errors, "");
  EXPECT_FALSE(outcome.exit_code.has_value());
  EXPECT_EQ(outcome.verb, "run");
  EXPECT_EQ(config_.database, "a=b");
  EXPECT_EQ(config_.grpc_address, "[::1]:5");
  EXPECT_EQ(config_.max_items, 7);
  EXPECT_FALSE(config_.create_topics);
  EXPECT_EQ(config_.drain, std::chrono::seconds(3));
  EXPECT_THAT(config_.properties, ElementsAre("a=1", "b=2"));
}

TEST_F(FlagsTest, TheEnvironmentIsReadAndTheFlagWins) {
  environment_ = {{"ORDER_SAGA_DATABASE", "from-env"}, {"ORDER_SAGA_MAX_ITEMS", "5"},
                  {"ORDER_SAGA_CREATE_TOPICS", "off"}, {"ORDER_SAGA_KAFKA_PROPERTY", "a=1,b=2"},
                  {"ORDER_SAGA_GRPC_ADDRESS", ""},     {"ORDER_SAGA_SOMEBODY_ELSES", "x"}};
  EXPECT_EQ(Parse({"run", "--max_items=6"}).errors, "");
  EXPECT_EQ(config_.database, "from-env");
  EXPECT_EQ(config_.max_items, 6);
  EXPECT_FALSE(config_.create_topics);
  EXPECT_EQ(config_.grpc_address, "127.0.0.1:21001");
  EXPECT_THAT(config_.properties, ElementsAre("a=1", "b=2"));
}

TEST_F(FlagsTest, EveryErrorIsPrintedAtOnceWithItsFix) {
  environment_ = {{"ORDER_SAGA_DRAIN_TIMEOUT_S", "10s"}};
  const auto outcome = Parse({"--grpc_address=nowhere", "--max_items=0", "--max_item=3",
                              "--create_topics=maybe", "--owner_database=x", "stray"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_EQ(outcome.output, "");
  EXPECT_THAT(outcome.errors,
              AllOf(HasSubstr("order-service run: 8 errors in the configuration:\n"),
                    HasSubstr("--grpc_address=\"nowhere\": must be HOST:PORT"),
                    HasSubstr("(or set ORDER_SAGA_GRPC_ADDRESS)"),
                    HasSubstr("--max_items=\"0\": must be a number from 1 to 1000"),
                    HasSubstr("--max_item: unknown flag; did you mean --max_items?"),
                    HasSubstr("--create_topics=\"maybe\": must be true or false"),
                    HasSubstr("--owner_database: belongs to the verb migrate, not to run"),
                    HasSubstr("\"stray\" is not expected here: flags are written --name=value")));
  EXPECT_THAT(outcome.errors,
              AllOf(HasSubstr("ORDER_SAGA_DRAIN_TIMEOUT_S=\"10s\": must be a number of seconds"),
                    HasSubstr("--database is required: Where the data is. Pass "
                              "--database=postgresql://order_service@db/order_service or set "
                              "ORDER_SAGA_DATABASE"),
                    HasSubstr("order-service run --help")));
}

TEST_F(FlagsTest, ACheckOverSeveralFlagsRunsWhenEachIsRight) {
  EXPECT_THAT(Parse({"--database=x", "--max_items=13"}).errors, HasSubstr("13 brings bad luck"));
}

TEST_F(FlagsTest, MissingAndRepeatedValues) {
  EXPECT_THAT(Parse({"--database"}).errors, HasSubstr("--database: a value is missing"));
  EXPECT_THAT(Parse({"--database=a", "--database=b"}).errors, HasSubstr("given more than once"));
  EXPECT_THAT(Parse({"--database", "--max_items=1"}).errors, HasSubstr("a value is missing"));
  EXPECT_THAT(Parse({"--database="}).errors, HasSubstr("--database is required"));
}

TEST_F(FlagsTest, UnknownVerbsGetASuggestion) {
  const auto outcome = Parse({"migrat"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.errors, AllOf(HasSubstr("unknown verb \"migrat\"; did you mean migrate?"),
                                    HasSubstr("Verbs: run, migrate")));
  EXPECT_THAT(Parse({"--database=x", "migrate"}).errors, HasSubstr("the verb comes first"));
}

TEST_F(FlagsTest, HelpShowsFlagEnvironmentDefaultAndExample) {
  const auto outcome = Parse({"--help"});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.errors, "");
  EXPECT_THAT(outcome.output,
              AllOf(HasSubstr("Usage: order-service [run|migrate|parked list] [--flag=value …]"),
                    HasSubstr("--grpc_address=127.0.0.1:21001"),
                    HasSubstr("ORDER_SAGA_DATABASE (required)"),
                    HasSubstr("Example: --database=postgresql://"), HasSubstr("--owner_database")));
  EXPECT_THAT(Parse({"migrate", "--help"}).output, Not(HasSubstr("--grpc_address")));
  EXPECT_EQ(Parse({"--version"}).output, "order-service 1.2.3\n");
}

TEST_F(FlagsTest, SecretsAreNeverPrinted) {
  EXPECT_EQ(Parse({"--database=postgresql://u:s3cret@db/x", "--token=s3cret",
                   "--kafka_property=sasl.password=s3cret"})
                .errors,
            "");
  std::map<std::string, std::string> effective;
  for (const auto& [name, value] : flags_.Effective()) effective[name] = value;
  EXPECT_EQ(effective["database"], "postgresql://u:***@db/x");
  EXPECT_EQ(effective["token"], "(set)");
  EXPECT_EQ(effective["kafka_property"], "sasl.password=***");
  EXPECT_EQ(effective["max_items"], "100");
}

TEST_F(FlagsTest, SecretsAreNotPrintedInErrorsEither) {
  EXPECT_THAT(Parse({"--grpc_address=postgresql://u:s3cret@db/x"}).errors,
              Not(HasSubstr("s3cret")));
  EXPECT_THAT(Parse({"postgresql://u:s3cret@db/x"}).errors, Not(HasSubstr("s3cret")));
}

TEST_F(FlagsTest, AVerbMayBeTwoWords) {
  const Flags::Outcome outcome = Parse({"parked", "list", "--most=7"});
  EXPECT_EQ(outcome.errors, "");
  EXPECT_EQ(outcome.verb, "parked list");
  EXPECT_EQ(config_.max_items, 7);
  EXPECT_THAT(Parse({"parked"}).errors, HasSubstr("did you mean parked list?"));
  const Flags::Outcome help = Parse({"parked", "--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.output, HasSubstr(" parked list --help\n"));
  EXPECT_EQ(Parse({"nothing", "--help"}).exit_code, 2);
}

TEST_F(FlagsTest, HelpOfAVerbEndsWithItsExamples) {
  EXPECT_THAT(Parse({"parked", "list", "--help"}).output, HasSubstr(" parked list --most=5\n"));
  EXPECT_THAT(Parse({"--help"}).output, Not(HasSubstr("--most=5")));
}

}  // namespace
}  // namespace service
