#include "libs/service/loop.h"

#include <condition_variable>
#include <mutex>
#include <thread>

#include "libs/telemetry/check.h"

namespace service {

// Shared with the thread, which may outlive a drain that took too long.
struct Loop::State {
  std::string name;
  Function run;
  std::stop_source stop;

  std::mutex mutex;
  std::condition_variable ended_changed;
  bool started = false;  // guarded by mutex
  bool ended = false;    // guarded by mutex
};

Loop::Loop(std::string name, Function run) : state_(std::make_shared<State>()) {
  state_->name = std::move(name);
  state_->run = std::move(run);
}

Loop::~Loop() {
  BeginDrain();
  AwaitDrained(Deadline::max()).IgnoreError();
}

std::string_view Loop::name() const { return state_->name; }

absl::Status Loop::Start(OnFailure on_failure) {
  {
    const std::lock_guard lock(state_->mutex);
    ORDER_SAGA_CHECK(!state_->started, "a loop is started once");
    state_->started = true;
  }
  std::thread([state = state_, on_failure = std::move(on_failure)] {
    const absl::Status status = state->run(state->stop.get_token());
    if (!state->stop.stop_requested()) {
      on_failure(status.ok() ? absl::InternalError("ended by itself") : status);
    }
    const std::lock_guard lock(state->mutex);
    state->ended = true;
    state->ended_changed.notify_all();
  }).detach();
  return absl::OkStatus();
}

void Loop::BeginDrain() { state_->stop.request_stop(); }

absl::Status Loop::AwaitDrained(Deadline deadline) {
  std::unique_lock lock(state_->mutex);
  const auto done = [this] { return state_->ended || !state_->started; };
  if (deadline == Deadline::max()) {
    state_->ended_changed.wait(lock, done);
  } else if (!state_->ended_changed.wait_until(lock, deadline, done)) {
    return absl::DeadlineExceededError("still at work");
  }
  return absl::OkStatus();
}

}  // namespace service
