#include "libs/topics/topics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace topics {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(TopicsTest, EachServiceConsumesWhatIsSentToIt) {
  EXPECT_THAT(ConsumedBy("product-service"), ElementsAre("order-to-product-product-stock"));
  EXPECT_THAT(ConsumedBy("customer-service"), ElementsAre("order-to-customer-validation"));
  EXPECT_THAT(ConsumedBy("kitchen-service"), ElementsAre("order-to-kitchen-status"));
  EXPECT_THAT(ConsumedBy("order-service"),
              ElementsAre("product-to-order-product-stock", "customer-to-order-customer-validation",
                          "kitchen-to-order-kitchen-status", "order-to-test"));
  EXPECT_THAT(ConsumedBy("nobody"), IsEmpty());
}

TEST(TopicsTest, NamesAreLegalAndDifferent) {
  std::set<std::string> names;
  for (const Topic& topic : kAll) {
    for (const std::string& name : {std::string(topic.name), DeadLetterTopic(topic.name)}) {
      EXPECT_TRUE(names.insert(name).second) << name;
      EXPECT_LE(name.size(), 200u) << "a prefix must fit";
      EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz-"), std::string::npos) << name;
    }
  }
}

TEST(TopicsTest, AServiceCreatesWhatItConsumesAndTheDeadLetters) {
  const auto specs = ToCreateFor("kitchen-service", "t1-", 3);
  ASSERT_EQ(specs.size(), 2u);
  EXPECT_EQ(specs[0].name, "t1-order-to-kitchen-status");
  EXPECT_EQ(specs[0].partitions, 12);
  EXPECT_EQ(specs[0].replication_factor, 3);
  EXPECT_EQ(specs[0].retention, std::chrono::hours(7 * 24));
  EXPECT_EQ(specs[1].name, "t1-order-to-kitchen-status-dlt");
  EXPECT_EQ(specs[1].retention, std::chrono::hours(30 * 24));
}

}  // namespace
}  // namespace topics
