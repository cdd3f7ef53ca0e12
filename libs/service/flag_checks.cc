#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "libs/service/flags.h"
#include "libs/telemetry/host_port.h"

namespace service {

FlagCheck InRange(double lo, double hi) {
  return [lo, hi](std::string_view text) {
    double value = 0;
    if (absl::SimpleAtod(std::string(text), &value) && value >= lo && value <= hi) {
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(absl::StrCat("must be a number from ", lo, " to ", hi));
  };
}

FlagCheck OneOf(std::vector<std::string> values) {
  return [values = std::move(values)](std::string_view text) {
    if (std::find(values.begin(), values.end(), text) != values.end()) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat("must be one of ", absl::StrJoin(values, ", ")));
  };
}

FlagCheck IsHostPort() {
  return [](std::string_view text) {
    return telemetry::ParseHostPort(text).ok()
               ? absl::OkStatus()
               : absl::InvalidArgumentError(
                     "must be HOST:PORT, as in 127.0.0.1:21001 or [::1]:21001");
  };
}

FlagCheck IsHostPortList() {
  return [](std::string_view text) {
    for (const absl::string_view one : absl::StrSplit(std::string(text), ',')) {
      const auto parsed = telemetry::ParseHostPort(std::string(one));
      if (!parsed.ok() || parsed->port == 0) {
        return absl::InvalidArgumentError("must be HOST:PORT,HOST:PORT, as in 127.0.0.1:9092");
      }
    }
    return absl::OkStatus();
  };
}

}  // namespace service
