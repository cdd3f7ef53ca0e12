// Waiting that a stop ends.
#ifndef ORDER_SAGA_LIBS_WAITING_UNTIL_STOP_H_
#define ORDER_SAGA_LIBS_WAITING_UNTIL_STOP_H_

#include <chrono>
#include <stop_token>

namespace waiting {

// Until a stop is requested, or `at_most` is over. Thread-safe.
void UntilStop(const std::stop_token& stop, std::chrono::milliseconds at_most);

}  // namespace waiting

#endif  // ORDER_SAGA_LIBS_WAITING_UNTIL_STOP_H_
