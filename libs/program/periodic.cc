#include "libs/program/periodic.h"

#include <chrono>

#include "libs/telemetry/log.h"
#include "libs/waiting/until_stop.h"

namespace program {

absl::Status EverySecond(std::stop_token stop, const std::function<absl::Status()>& action) {
  while (!stop.stop_requested()) {
    if (absl::Status done = action(); !done.ok()) {
      telemetry::Debug("periodic work failed", {{"error", done.ToString()}});
    }
    waiting::UntilStop(stop, std::chrono::seconds(1));
  }
  return absl::OkStatus();
}

}  // namespace program
