// For tests only: what a group has committed, asked of the broker from outside the group.
#ifndef ORDER_SAGA_LIBS_KAFKA_TESTING_COMMITTED_H_
#define ORDER_SAGA_LIBS_KAFKA_TESTING_COMMITTED_H_

#include <cstdint>
#include <string>

namespace kafka {

// -1 if the group has committed nothing there. Aborts the test program if the broker does not
// answer.
std::int64_t CommittedOffset(const std::string& brokers, const std::string& group,
                             const std::string& topic, std::int32_t partition);

}  // namespace kafka

#endif  // ORDER_SAGA_LIBS_KAFKA_TESTING_COMMITTED_H_
