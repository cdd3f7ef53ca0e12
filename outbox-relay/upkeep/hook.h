// A command of the operator's, run beside the relay.
#ifndef ORDER_SAGA_OUTBOX_RELAY_UPKEEP_HOOK_H_
#define ORDER_SAGA_OUTBOX_RELAY_UPKEEP_HOOK_H_

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace relay {

// Never waits: Poll() looks now and then. Used by one thread. One command at a time; of those that
// come meanwhile the latest follows. What it writes (4 KiB at most) and how it ended is logged.
class Hook {
 public:
  using Clock = std::chrono::steady_clock;
  using Environment = std::vector<std::pair<std::string, std::string>>;

  // `command` goes to /bin/sh -c; empty: nothing is ever run. `source` is for the log.
  Hook(std::string source, std::string command, std::chrono::milliseconds timeout);
  ~Hook();  // kills what still runs
  Hook(const Hook&) = delete;
  Hook& operator=(const Hook&) = delete;

  // Beside `more` the command gets the relay's environment without ORDER_SAGA_*, which may hold
  // passwords. No open file of ours is passed on.
  void Run(Environment more);
  // After the timeout the command and what it has started are killed.
  void Poll(Clock::time_point now);
  bool running() const { return pid_ > 0; }

 private:
  void Start(const Environment& more);
  void ReadOutput();
  void Finish(int wait_status);

  const std::string source_;
  const std::string command_;
  const std::chrono::milliseconds timeout_;

  pid_t pid_ = -1;
  int output_fd_ = -1;
  std::string output_;
  Clock::time_point kill_at_;
  bool killed_ = false;
  std::optional<Environment> next_;
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_UPKEEP_HOOK_H_
