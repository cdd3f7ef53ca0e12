#include "libs/kafka/fetch_stall.h"

namespace kafka {

FetchStall::Verdict FetchStall::OnLook(const Look& look, Duration patience) {
  if (look.position >= look.end) {
    standing_.reset();
    return Verdict::kCaughtUp;
  }
  if (!standing_ || standing_->position != look.position) {
    const bool first = !standing_;
    standing_ = look;
    return first ? Verdict::kStanding : Verdict::kMoving;
  }
  const bool long_enough = look.now - standing_->now >= patience;
  const bool waited_for_it = look.waited - standing_->waited >= patience / 2;
  return long_enough && waited_for_it ? Verdict::kStalled : Verdict::kStanding;
}

}  // namespace kafka
