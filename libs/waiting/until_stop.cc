#include "libs/waiting/until_stop.h"

#include <condition_variable>
#include <mutex>

namespace waiting {

void UntilStop(const std::stop_token& stop, std::chrono::milliseconds at_most) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_for(lock, stop, at_most, [] { return false; });
}

}  // namespace waiting
