// Questions to servers that may never answer.
#ifndef ORDER_SAGA_OUTBOX_RELAY_VERBS_WITHIN_H_
#define ORDER_SAGA_OUTBOX_RELAY_VERBS_WITHIN_H_

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace relay {

// Asks all at once, each on a thread of its own, and waits for the answers, at most `time`. Where
// there is none by then its thread still runs and its place is empty: the program must end with
// std::_Exit. What the questions refer to must live until the process ends.
template <typename Answer>
std::vector<std::optional<Answer>> AllWithin(std::chrono::milliseconds time,
                                             std::vector<std::function<Answer()>> questions) {
  struct Shared {
    std::mutex mutex;
    std::condition_variable answered;
    size_t missing = 0;
    std::vector<std::optional<Answer>> answers;
  };
  auto shared = std::make_shared<Shared>();
  shared->missing = questions.size();
  shared->answers.resize(questions.size());
  for (size_t i = 0; i < questions.size(); ++i) {
    std::thread([shared, i, ask = std::move(questions[i])] {
      Answer answer = ask();
      const std::lock_guard lock(shared->mutex);
      shared->answers[i] = std::move(answer);
      --shared->missing;
      shared->answered.notify_all();
    }).detach();
  }
  std::unique_lock lock(shared->mutex);
  shared->answered.wait_for(lock, time, [&] { return shared->missing == 0; });
  return shared->answers;
}

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_VERBS_WITHIN_H_
