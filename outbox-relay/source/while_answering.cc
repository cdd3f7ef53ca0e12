#include "outbox-relay/source/while_answering.h"

#include <chrono>
#include <future>

namespace relay {

absl::Status WhileAnswering(ReplicationStream& stream, absl::FunctionRef<bool()> leave,
                            absl::FunctionRef<absl::Status(std::stop_token)> work) {
  std::stop_source ends;
  std::future<absl::Status> ready =
      std::async(std::launch::async, [&] { return work(ends.get_token()); });
  absl::Status alive;
  while (ready.wait_for(std::chrono::milliseconds(500)) != std::future_status::ready) {
    if (alive.ok()) alive = stream.SendStatus(Lsn{});
    if (!alive.ok() || leave()) ends.request_stop();
  }
  absl::Status done = ready.get();
  return done.ok() ? alive : done;
}

}  // namespace relay
