// The gRPC door: groups the calls that are waiting and commits them once.
//
// Nobody waits for a group to fill: a worker that is free takes what is there, and while it commits
// the next group gathers. So one call alone is as fast as its transaction, and many calls share
// one.
#ifndef ORDER_SAGA_LIBS_GROUP_COMMIT_DOOR_H_
#define ORDER_SAGA_LIBS_GROUP_COMMIT_DOOR_H_

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "libs/outbox/unit_of_work.h"
#include "libs/postgres/pool.h"
#include "libs/service/component.h"
#include "prometheus/registry.h"

namespace group_commit {

// One call of a client, from the time it is submitted until it is finished.
class Call {
 public:
  virtual ~Call() = default;

  // Whether nobody waits for the answer any more. Asked before the call joins a group, and while
  // the group waits for a connection.
  virtual bool Expired() const = 0;

  // The end, exactly once, on one of the door's threads. OK: what the handler did for this call is
  // committed; the call itself holds the answer, which may be a refusal. An error: nothing was
  // done, or, if Unavailable, perhaps something was: the same request may come again.
  virtual void Finish(const absl::Status& status) = 0;
};

// Decides a group of calls in this order in one unit of work, and leaves its answer in each. What
// it does must be safe to run again: after an error the whole group, or each call alone, comes
// again, and after a commit whose answer was lost too (so a handler recognises what it has done by
// a request id). Called by several threads at once.
using Handler = std::function<absl::Status(outbox::UnitOfWork&, absl::Span<Call* const>)>;

struct DoorOptions {
  // Threads, each with one connection while it works.
  int workers = 2;
  size_t max_group = 256;
  // Beyond this many waiting calls, new ones are refused at once.
  size_t max_waiting = 10'000;
  // While the database is away, or others hold what it needs, a group begins no new attempt after
  // this long; the one under way is finished (opening a connection may take 5 s). Then its calls
  // are told.
  std::chrono::milliseconds patience = std::chrono::seconds(2);
  // While all connections are busy, the group waits as long as one of its calls is waited for, and
  // at most this long.
  std::chrono::milliseconds busy_patience = std::chrono::seconds(10);
};

class Door : public service::Component {
 public:
  // `name` for logs and metrics. `pool` and `metrics` are not owned.
  Door(std::string name, DoorOptions options, postgres::Pool& pool, Handler handler,
       prometheus::Registry& metrics);
  ~Door() override;

  // Thread-safe; callers drain before the door does. The call is finished later, or at once with
  // RESOURCE_EXHAUSTED and RetryInfo when too many wait, or with UNAVAILABLE when the door is
  // drained.
  void Submit(std::unique_ptr<Call> call);

  std::string_view name() const override;
  absl::Status Start(OnFailure on_failure) override;
  void BeginDrain() override;
  absl::Status AwaitDrained(Deadline deadline) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace group_commit

#endif  // ORDER_SAGA_LIBS_GROUP_COMMIT_DOOR_H_
