#include "order-service/canary/canary_listener.h"

#include <google/protobuf/util/time_util.h>

#include <algorithm>

#include "saga/v1/canary.pb.h"

namespace order {
namespace {

// Whoever else writes to the topic makes no metrics.
constexpr std::string_view kServices[] = {"order-service", "product-service", "customer-service",
                                          "kitchen-service"};

// Seconds: the end of what protobuf's Timestamp may hold.
constexpr int64_t kYear9999 = 253'402'300'799;

}  // namespace

CanaryListener::CanaryListener() {
  for (std::string_view service : kServices) newest_[std::string(service)] = Clock::now();
}

absl::Status CanaryListener::Handle(outbox::UnitOfWork&, absl::Span<inbox::Delivery* const> batch) {
  std::lock_guard lock(mutex_);
  for (inbox::Delivery* delivery : batch) {
    const std::string_view payload = delivery->payload().value_or("");
    saga::v1::Canary canary;
    if (!canary.ParseFromArray(payload.data(), static_cast<int>(payload.size()))) {
      delivery->DeadLetter("the payload is no saga.v1.Canary");
      continue;
    }
    auto found = newest_.find(canary.service());
    if (found == newest_.end()) {
      delivery->DeadLetter("the canary's service is none of ours");
      continue;
    }
    if (canary.insert_time().seconds() < 0 || canary.insert_time().seconds() > kYear9999) {
      delivery->DeadLetter("the canary's time is none");
      continue;
    }
    const std::chrono::microseconds since_epoch(
        google::protobuf::util::TimeUtil::TimestampToMicroseconds(canary.insert_time()));
    const Clock::time_point inserted{std::chrono::duration_cast<Clock::duration>(since_epoch)};
    // A canary from the future would hide a standstill until then.
    found->second = std::max(found->second, std::min(inserted, Clock::now()));
  }
  return absl::OkStatus();
}

telemetry::GaugeOnScrape::Samples CanaryListener::Ages() const {
  std::lock_guard lock(mutex_);
  telemetry::GaugeOnScrape::Samples samples;
  for (const auto& [service, time] : newest_) {
    const double age = std::chrono::duration<double>(Clock::now() - time).count();
    samples.push_back({{{"service", service}}, std::max(0.0, age)});
  }
  return samples;
}

}  // namespace order
