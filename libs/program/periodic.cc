#include "libs/program/periodic.h"

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "libs/telemetry/log.h"

namespace program {

absl::Status EverySecond(std::stop_token stop, const std::function<absl::Status()>& action) {
  std::mutex mutex;
  std::condition_variable_any wake;
  while (!stop.stop_requested()) {
    if (absl::Status done = action(); !done.ok()) {
      telemetry::Debug("periodic work failed", {{"error", done.ToString()}});
    }
    std::unique_lock lock(mutex);
    wake.wait_for(lock, stop, std::chrono::seconds(1), [] { return false; });
  }
  return absl::OkStatus();
}

}  // namespace program
