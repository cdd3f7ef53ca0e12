// The one list of topics that the programs share. Names are the seed's and never change.
#ifndef ORDER_SAGA_LIBS_TOPICS_TOPICS_H_
#define ORDER_SAGA_LIBS_TOPICS_TOPICS_H_

#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "libs/kafka/admin.h"

namespace topics {

struct Topic {
  std::string_view name;
  // Whose outbox feeds it; empty: every service's.
  std::string_view producer;
  std::string_view consumer;
};

inline constexpr std::string_view kOrderToProduct = "order-to-product-product-stock";
inline constexpr std::string_view kProductToOrder = "product-to-order-product-stock";
inline constexpr std::string_view kOrderToCustomer = "order-to-customer-validation";
inline constexpr std::string_view kCustomerToOrder = "customer-to-order-customer-validation";
inline constexpr std::string_view kOrderToKitchen = "order-to-kitchen-status";
inline constexpr std::string_view kKitchenToOrder = "kitchen-to-order-kitchen-status";
// The services' canaries; key = the service.
inline constexpr std::string_view kOrderToTest = "order-to-test";

inline constexpr std::array<Topic, 7> kAll = {{
    {kOrderToProduct, "order-service", "product-service"},
    {kProductToOrder, "product-service", "order-service"},
    {kOrderToCustomer, "order-service", "customer-service"},
    {kCustomerToOrder, "customer-service", "order-service"},
    {kOrderToKitchen, "order-service", "kitchen-service"},
    {kKitchenToOrder, "kitchen-service", "order-service"},
    {kOrderToTest, "", "order-service"},
}};

// Fixed at creation: with another count a key would change its partition, and its order be lost.
inline constexpr int kPartitions = 12;
inline constexpr std::chrono::hours kRetention{7 * 24};
inline constexpr std::chrono::hours kDeadLetterRetention{30 * 24};

// Names without prefix, in kAll's order.
std::vector<std::string_view> ConsumedBy(std::string_view service);

// "order-to-test" → "order-to-test-dlt".
std::string DeadLetterTopic(std::string_view topic);

// --topic_prefix, so that several systems can share one broker: "t1-" + "order-to-test".
std::string WithPrefix(std::string_view prefix, std::string_view topic);

// What a service creates at its start: the topics it consumes and their dead letter topics.
std::vector<kafka::TopicSpec> ToCreateFor(std::string_view service, std::string_view prefix,
                                          int replication_factor);

}  // namespace topics

#endif  // ORDER_SAGA_LIBS_TOPICS_TOPICS_H_
