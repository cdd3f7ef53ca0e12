// For programming errors only: what cannot be unless our own code is wrong. Everything that the
// world can do to us (input, networks, databases) is an absl::Status instead.
#ifndef ORDER_SAGA_LIBS_TELEMETRY_CHECK_H_
#define ORDER_SAGA_LIBS_TELEMETRY_CHECK_H_

#include <source_location>
#include <string_view>

namespace telemetry {

// Logs the message with the place in the source and aborts.
[[noreturn]] void Die(std::string_view message,
                      std::source_location where = std::source_location::current());

}  // namespace telemetry

// ORDER_SAGA_CHECK(!batch.empty(), "a door hands out no empty batch");
#define ORDER_SAGA_CHECK(condition, message)           \
  (static_cast<bool>(condition) ? static_cast<void>(0) \
                                : ::telemetry::Die("check failed: " #condition ": " message))

#endif  // ORDER_SAGA_LIBS_TELEMETRY_CHECK_H_
