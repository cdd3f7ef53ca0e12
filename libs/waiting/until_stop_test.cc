#include "libs/waiting/until_stop.h"

#include <gtest/gtest.h>

#include <thread>

namespace waiting {
namespace {

// The tests would not end if a stop did not end the waiting.
constexpr std::chrono::hours kForEver(24);

TEST(UntilStopTest, AStopEndsIt) {
  std::jthread waiter([](const std::stop_token& stop) { UntilStop(stop, kForEver); });
  waiter.request_stop();
}

TEST(UntilStopTest, WhoIsStoppedAlreadyDoesNotWait) {
  std::stop_source source;
  source.request_stop();
  UntilStop(source.get_token(), kForEver);
}

TEST(UntilStopTest, TimeEndsItToo) {
  const std::stop_source source;
  UntilStop(source.get_token(), std::chrono::milliseconds(1));
}

}  // namespace
}  // namespace waiting
