// Errors that are meant for a caller: an absl::Status that carries google.rpc details. Handlers
// make them; rpc_status.h brings them onto the wire. No gRPC in here.
#ifndef ORDER_SAGA_LIBS_SERVICE_ERRORS_H_
#define ORDER_SAGA_LIBS_SERVICE_ERRORS_H_

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace service {

// ErrorInfo's domain.
inline constexpr std::string_view kErrorDomain = "order-saga";

using ErrorMetadata = std::vector<std::pair<std::string, std::string>>;

// A status with google.rpc.ErrorInfo. `reason` is UPPER_SNAKE_CASE, at most 63 characters, and
// never changes its meaning: programs go by it. The message is for people and says the fix. What is
// longer than a client could take (800 bytes of message, 600 of metadata) is cut.
//   Error(kNotFound, "ORDER_NOT_FOUND", "there is no order …")
absl::Status Error(absl::StatusCode code, std::string_view reason, std::string_view message,
                   const ErrorMetadata& metadata = {});

// RESOURCE_EXHAUSTED with RetryInfo: too much to do here, try again after that time.
absl::Status Overloaded(std::string_view reason, std::string_view message,
                        std::chrono::milliseconds retry_after);
// UNAVAILABLE with RetryInfo: a dependency is away or the program is stopping.
absl::Status TemporarilyUnavailable(std::string_view reason, std::string_view message,
                                    std::chrono::milliseconds retry_after);

// UNAVAILABLE, DATABASE_UNAVAILABLE: it cannot be reached, or may have done what its answer was
// lost to. RESOURCE_EXHAUSTED, DATABASE_BUSY: nothing was tried.
absl::Status DatabaseUnavailable();
absl::Status DatabaseBusy();

// ErrorInfo's reason; empty if the status carries none.
std::string ReasonOf(const absl::Status& status);

// Collects what is wrong with a request, all of it:
//   violations.Add("order_products[0].amount", "must be 1 to 1,000,000");
//   if (!violations.empty()) return violations.ToStatus();
class Violations {
 public:
  // `field` is the path in the request message, in the proto's names.
  void Add(std::string field, std::string description);
  // Adds one if the condition does not hold.
  void Require(bool condition, std::string_view field, std::string_view description);

  bool empty() const { return violations_.empty(); }
  // OK if empty, else INVALID_ARGUMENT with ErrorInfo INVALID_REQUEST and BadRequest naming each
  // field: the first 50, or fewer if their names and descriptions are long. The message names the
  // first of them.
  absl::Status ToStatus() const;

 private:
  std::vector<std::pair<std::string, std::string>> violations_;
};

}  // namespace service

#endif  // ORDER_SAGA_LIBS_SERVICE_ERRORS_H_
