// Reads in bursts when there is much to read.
#ifndef ORDER_SAGA_OUTBOX_RELAY_SOURCE_READ_PACER_H_
#define ORDER_SAGA_OUTBOX_RELAY_SOURCE_READ_PACER_H_

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace relay {

// Small transactions come one by one, and each one taken at once costs a wake-up here and, worse, a
// request of its own at the broker (one a partition). So the busier the stream, the longer a burst
// is left to grow: not at all below 5,000 events a second, 1 ms at 10,000, at most 5 ms from 50,000
// on. Pure: told the time.
class ReadPacer {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit ReadPacer(Time now) : window_start_(now), burst_start_(now) {}

  // The socket was read empty; `events` were taken since the last call, the newest of them
  // committed `age` ago.
  void OnBurst(uint64_t events, std::chrono::microseconds age, Time now) {
    events_ += events;
    const auto elapsed = now - window_start_;
    if (elapsed >= kWindow) {
      const double rate =
          static_cast<double>(events_) / std::chrono::duration<double>(elapsed).count();
      if (rate < kBusy) {
        pause_ = Duration(0);
      } else if (age > kBacklog) {
        pause_ = kPauseInBacklog;
      } else {
        pause_ = std::chrono::duration_cast<Duration>(kLongest * std::min(1.0, rate / kFullRate));
      }
      window_start_ = now;
      events_ = 0;
    }
  }

  // Reading begins.
  void OnRead(Time now) { burst_start_ = now; }

  // The next burst may be read from here on.
  Time NextRead() const { return burst_start_ + pause_; }

 private:
  using Duration = std::chrono::steady_clock::duration;
  static constexpr std::chrono::milliseconds kWindow{20};
  static constexpr std::chrono::milliseconds kLongest{5}, kBacklog{250}, kPauseInBacklog{10};
  static constexpr double kBusy = 5'000, kFullRate = 50'000;

  Time window_start_;
  Time burst_start_;
  uint64_t events_ = 0;
  Duration pause_{0};
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_SOURCE_READ_PACER_H_
