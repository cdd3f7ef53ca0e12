#include "outbox-relay/parking/topic_watch.h"

#include <algorithm>
#include <utility>

namespace relay {
namespace {

constexpr std::chrono::seconds kNextPatience(1);

}  // namespace

TopicWatch::Clock::duration TopicWatch::OnAwaited(std::string_view topic, Clock::time_point now) {
  if (awaited_ != topic) {
    awaited_ = topic;
    awaited_since_ = now;
  }
  return now - awaited_since_;
}

bool TopicWatch::LongEnough(Clock::duration waited, Clock::duration patience) const {
  return waited >=
         (missing_.empty() ? patience : std::min<Clock::duration>(patience, kNextPatience));
}

void TopicWatch::BeginLook(std::vector<std::string> in_doubt) {
  to_ask_ = std::move(in_doubt);
  // Those of keys that were released or dropped are nobody's concern any more.
  const auto is_settled = [&](const std::string& topic) {
    return std::ranges::find(to_ask_, topic) == to_ask_.end();
  };
  absl::erase_if(missing_, is_settled);
  absl::erase_if(hidden_, is_settled);
}

std::string TopicWatch::NextToAsk() {
  std::string topic = std::move(to_ask_.back());
  to_ask_.pop_back();
  return topic;
}

bool TopicWatch::OnThere(const std::string& topic) {
  return missing_.erase(topic) + hidden_.erase(topic) > 0;
}

}  // namespace relay
