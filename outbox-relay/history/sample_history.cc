#include "outbox-relay/history/sample_history.h"

#include <utility>

namespace relay {
namespace {

// The place where the next record would begin stands behind the page's header if the page is new;
// the record before ended in front of it. Nothing lies in between.
Lsn WithoutPageHeader(Lsn at) {
  constexpr uint64_t kPage = 8192, kShortHeader = 24, kLongHeader = 40;
  const uint64_t into_page = at.value % kPage;
  return into_page == kShortHeader || into_page == kLongHeader ? Lsn{at.value - into_page} : at;
}

}  // namespace

void SampleHistory::Add(std::string snapshot, Lsn at, std::shared_ptr<const TopicOffsets> offsets) {
  at = WithoutPageHeader(at);
  if (!samples_.empty() && at <= samples_.back().at) {
    // Nothing was written since: the later snapshot is as good there, and newer.
    if (at == samples_.back().at) {
      samples_.back().snapshot = std::move(snapshot);
      samples_.back().offsets = std::move(offsets);
    }
    return;
  }
  samples_.push_back({std::move(snapshot), at, std::move(offsets)});
  Thin();
}

void SampleHistory::Restore(const std::vector<std::pair<std::string, Lsn>>& earlier,
                            const std::shared_ptr<const TopicOffsets>& offsets) {
  for (Sample& sample : samples_) {
    if (sample.offsets == nullptr) sample.offsets = offsets;
  }
  std::deque<Sample> all;
  for (const auto& [snapshot, at] : earlier) {
    const bool in_order = all.empty() || at > all.back().at;
    if (in_order && (samples_.empty() || at < samples_.front().at)) {
      all.push_back({snapshot, at, offsets});
    }
  }
  for (Sample& sample : samples_) all.push_back(std::move(sample));
  samples_ = std::move(all);
  Thin();
}

void SampleHistory::Thin() {
  while (samples_.size() >= kMost) {
    std::deque<Sample> kept;
    for (size_t i = 0; i < samples_.size(); ++i) {
      const bool at_end = i < kKeptAtEachEnd || i + kKeptAtEachEnd >= samples_.size();
      if (at_end || i % 2 == 0) kept.push_back(std::move(samples_[i]));
    }
    samples_ = std::move(kept);
  }
}

const std::string* SampleHistory::NewestAt(Lsn confirmed) {
  const Sample* const sample = NewestSampleAt(confirmed);
  return sample == nullptr ? nullptr : &sample->snapshot;
}

const SampleHistory::Sample* SampleHistory::NewestSampleAt(Lsn confirmed) {
  while (samples_.size() > 1 && samples_[1].at <= confirmed) samples_.pop_front();
  return samples_.empty() || samples_.front().at > confirmed ? nullptr : &samples_.front();
}

}  // namespace relay
