#ifndef ORDER_SAGA_LIBS_PROGRAM_PERIODIC_H_
#define ORDER_SAGA_LIBS_PROGRAM_PERIODIC_H_

#include <functional>
#include <stop_token>

#include "absl/status/status.h"

namespace program {

// Runs `action` at once and then once a second, until a stop is requested. An error is logged at
// debug level: what runs each second says elsewhere, by a metric, that it does not.
absl::Status EverySecond(std::stop_token stop, const std::function<absl::Status()>& action);

}  // namespace program

#endif  // ORDER_SAGA_LIBS_PROGRAM_PERIODIC_H_
