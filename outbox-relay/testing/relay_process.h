// For tests only: the real program, started and killed.
#ifndef ORDER_SAGA_OUTBOX_RELAY_TESTING_RELAY_PROCESS_H_
#define ORDER_SAGA_OUTBOX_RELAY_TESTING_RELAY_PROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace relay {

class RelayProcess {
 public:
  // Starts outbox-relay with these arguments, of which the first may be a verb, and a free HTTP
  // port. Its output goes to a file.
  explicit RelayProcess(const std::vector<std::string>& arguments);
  ~RelayProcess();  // kill -9, if it still runs
  RelayProcess(const RelayProcess&) = delete;
  RelayProcess& operator=(const RelayProcess&) = delete;

  // SIGTERM; the exit code, or -1 if it has not ended after 20 s.
  int Stop();
  void Kill();
  // SIGSTOP and SIGCONT.
  void Freeze();
  void Thaw();

  // All that it has written so far.
  std::string log() const;
  // The body of a GET; empty if nobody answers.
  std::string Get(const std::string& path) const;
  // A metric's value, its labels as in "outbox_unpublished_events{source=\"test\"}"; -1 if there is
  // none.
  double Metric(const std::string& name) const;
  // The most memory that it ever used.
  int64_t PeakResidentKilobytes() const;

 private:
  pid_t pid_ = -1;
  std::string log_path_;
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_TESTING_RELAY_PROCESS_H_
