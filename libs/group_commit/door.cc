#include "libs/group_commit/door.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "libs/postgres/sql_error.h"
#include "libs/service/errors.h"
#include "libs/telemetry/log.h"
#include "libs/telemetry/metrics.h"
#include "prometheus/histogram.h"

namespace group_commit {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using Group = std::vector<std::unique_ptr<Call>>;

constexpr size_t kMaxSavepoints = 64;
constexpr milliseconds kPause{20};

std::vector<Call*> Pointers(absl::Span<const std::unique_ptr<Call>> group) {
  std::vector<Call*> calls;
  calls.reserve(group.size());
  for (const auto& call : group) calls.push_back(call.get());
  return calls;
}

absl::Status NoRoom() {
  return service::TemporarilyUnavailable(
      "DATABASE_EXHAUSTED",
      "the database has no room for more; try again later with the same request_id",
      std::chrono::seconds(5));
}

absl::Status Contended() {
  return service::TemporarilyUnavailable(
      "CONTENTION", "others hold what this call needs; try again with the same request_id",
      milliseconds(200));
}

// The pool has no free connection: nothing was tried.
bool IsBusy(const absl::Status& status) {
  return absl::IsResourceExhausted(status) && postgres::SqlState(status).empty();
}

bool AnybodyWaits(absl::Span<const std::unique_ptr<Call>> group) {
  return std::ranges::any_of(group, [](const auto& call) { return !call->Expired(); });
}

// A fault of ours or of our surroundings, that does not blame the call.
bool IsOurs(const absl::Status& status) {
  return !postgres::SqlState(status).empty() && !postgres::IsDataFault(status);
}

// What a caller may hear.
absl::Status ForCaller(const absl::Status& status) {
  if (IsOurs(status) && postgres::IsOutage(status)) {
    telemetry::Error(
        "calls fail: the database cannot take more",
        {{"error", std::string(status.message())}, {"fix", std::string(postgres::FixFor(status))}});
    return NoRoom();
  }
  return IsOurs(status) ? absl::InternalError(status.message()) : status;
}

}  // namespace

struct Door::Impl {
  std::string name;
  DoorOptions options;
  postgres::Pool& pool;
  Handler handler;
  prometheus::Histogram& group_calls;

  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::unique_ptr<Call>> waiting;  // guarded by mutex
  bool draining = false;                      // guarded by mutex
  int running = 0;                            // guarded by mutex; threads
  std::vector<std::jthread> threads;

  // What a group may be: empty when the door is drained.
  Group Take() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return draining || !waiting.empty(); });
    Group group;
    while (!waiting.empty() && group.size() < options.max_group) {
      group.push_back(std::move(waiting.front()));
      waiting.pop_front();
    }
    return group;
  }

  absl::Status ApplyTogether(const Group& group) {
    auto lease = pool.Acquire(absl::FromChrono(options.patience));
    if (!lease.ok()) return lease.status();
    auto work = outbox::UnitOfWork::Begin(**lease);
    if (!work.ok()) return work.status();
    absl::Status handled = handler(*work, Pointers(group));
    return handled.ok() ? work->Commit() : handled;
  }

  // Each call behind a savepoint of its own; answers what became of each. An error: nothing at all
  // was done.
  absl::StatusOr<std::vector<absl::Status>> ApplyEach(
      absl::Span<const std::unique_ptr<Call>> part) {
    auto lease = pool.Acquire(absl::FromChrono(options.patience));
    if (!lease.ok()) return lease.status();
    auto work = outbox::UnitOfWork::Begin(**lease);
    if (!work.ok()) return work.status();
    std::vector<absl::Status> outcomes;
    for (Call* call : Pointers(part)) {
      Call* one[] = {call};
      outcomes.push_back(work->RunInSavepoint([&] { return handler(*work, one); }));
      const absl::Status& outcome = outcomes.back();
      if (postgres::ShouldRerun(outcome) || postgres::IsOutage(outcome)) return outcome;
    }
    absl::Status committed = work->Commit();
    if (!committed.ok()) return committed;
    return outcomes;
  }

  // Runs `attempt` for these calls again while it fails through no fault of theirs.
  absl::Status Insist(absl::Span<const std::unique_ptr<Call>> group,
                      const std::function<absl::Status()>& attempt) {
    const auto begin = steady_clock::now();
    bool unsure = false;  // a commit whose answer was lost may have happened
    for (;;) {
      absl::Status done = attempt();
      const auto waited = steady_clock::now() - begin;
      unsure = unsure || absl::IsUnavailable(done);
      if (IsBusy(done)) {
        if (waited >= options.busy_patience || !AnybodyWaits(group)) {
          return unsure ? service::DatabaseUnavailable() : service::DatabaseBusy();
        }
      } else if (postgres::ShouldRerun(done) || absl::IsUnavailable(done)) {
        if (waited >= options.patience) {
          return absl::IsUnavailable(done) ? service::DatabaseUnavailable() : Contended();
        }
      } else {
        return unsure && IsOurs(done) ? service::DatabaseUnavailable() : done;
      }
      std::this_thread::sleep_for(kPause);
    }
  }

  void Process(Group group) {
    std::erase_if(group, [](const std::unique_ptr<Call>& call) {
      if (!call->Expired()) return false;
      call->Finish(absl::DeadlineExceededError("nobody waits for this call any more"));
      return true;
    });
    if (group.empty()) return;
    group_calls.Observe(static_cast<double>(group.size()));
    absl::Status together = Insist(group, [&] { return ApplyTogether(group); });
    if (!postgres::IsDataFault(together) || group.size() == 1) {
      const absl::Status outcome = ForCaller(together);
      for (const auto& call : group) call->Finish(outcome);
      return;
    }
    // One call's values upset the database: the others shall not suffer.
    for (size_t at = 0; at < group.size(); at += kMaxSavepoints) {
      const auto part = absl::MakeConstSpan(group).subspan(at, kMaxSavepoints);
      std::vector<absl::Status> outcomes;
      absl::Status each = Insist(part, [&] {
        auto applied = ApplyEach(part);
        if (applied.ok()) outcomes = *std::move(applied);
        return applied.status();
      });
      for (size_t i = 0; i < part.size(); ++i) part[i]->Finish(each.ok() ? outcomes[i] : each);
    }
  }

  void Work() {
    for (;;) {
      Group group = Take();
      if (group.empty()) break;
      Process(std::move(group));
    }
    std::lock_guard lock(mutex);
    --running;
    changed.notify_all();
  }
};

Door::Door(std::string name, DoorOptions options, postgres::Pool& pool, Handler handler,
           prometheus::Registry& metrics) {
  auto& group_calls = prometheus::BuildHistogram()
                          .Name("group_commit_calls")
                          .Help("Calls that were committed together.")
                          .Register(metrics)
                          .Add({{"door", name}}, prometheus::Histogram::BucketBoundaries{
                                                     1, 2, 5, 10, 20, 50, 100, 200, 500});
  impl_.reset(new Impl{std::move(name), options, pool, std::move(handler), group_calls});
}

Door::~Door() {
  AwaitDrained(steady_clock::now()).IgnoreError();
  for (std::jthread& thread : impl_->threads) {
    if (thread.joinable()) thread.join();
  }
}

void Door::Submit(std::unique_ptr<Call> call) {
  bool draining;
  {
    std::lock_guard lock(impl_->mutex);
    draining = impl_->draining;
    if (!draining && impl_->waiting.size() < impl_->options.max_waiting) {
      impl_->waiting.push_back(std::move(call));
    }
  }
  if (call == nullptr) {
    impl_->changed.notify_one();
  } else if (draining) {
    call->Finish(service::TemporarilyUnavailable("STOPPING", "this server is stopping; try another",
                                                 milliseconds(100)));
  } else {
    call->Finish(
        service::Overloaded("TOO_MANY_CALLS", "too many calls are waiting", milliseconds(500)));
  }
}

std::string_view Door::name() const { return impl_->name; }

absl::Status Door::Start(OnFailure) {
  impl_->running = impl_->options.workers;
  for (int i = 0; i < impl_->options.workers; ++i) {
    impl_->threads.emplace_back([this] { impl_->Work(); });
  }
  return absl::OkStatus();
}

void Door::BeginDrain() {
  // Its callers drain first: the listener listed behind it still takes the calls that come in.
}

absl::Status Door::AwaitDrained(Deadline deadline) {
  std::unique_lock lock(impl_->mutex);
  impl_->draining = true;
  impl_->changed.notify_all();
  const bool done = impl_->changed.wait_until(lock, deadline, [&] { return impl_->running == 0; });
  return done ? absl::OkStatus() : absl::DeadlineExceededError("calls are still being committed");
}

}  // namespace group_commit
