#include "libs/inbox/door.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <random>

#include "libs/inbox/metrics.h"
#include "libs/inbox/unit.h"
#include "libs/postgres/sql_error.h"
#include "libs/telemetry/log.h"
#include "libs/waiting/until_stop.h"

namespace inbox {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Partitions for the days ahead are made this often: three at least, whatever else makes them.
constexpr std::chrono::minutes kMaintenanceInterval{60};
constexpr std::chrono::seconds kReadParkedInterval{10};

// Growing pauses between attempts: each about twice the one before, at most 5 s, and never the
// same for two programs that wait for the same server.
class Backoff {
 public:
  milliseconds Next() {
    std::uniform_int_distribution<int64_t> spread(delay_.count() / 2, delay_.count());
    const milliseconds pause(spread(random_));
    delay_ = std::min(2 * delay_, milliseconds(5000));
    return pause;
  }

 private:
  milliseconds delay_{50};
  std::minstd_rand random_{std::random_device{}()};
};

Record RecordOf(const kafka::Message& message) {
  return {.topic = message.topic(),
          .partition = message.partition(),
          .offset = message.offset(),
          .key = message.key(),
          .payload = message.payload(),
          .id = message.header("id"),
          .content_type = message.header("content-type"),
          .traceparent = message.header("traceparent"),
          .tracestate = message.header("tracestate")};
}

}  // namespace

struct Door::Impl {
  DoorOptions options;
  postgres::Pool& pool;
  Handler& handler;
  Metrics metrics;

  // The smallest id the inbox remembers, and until when that is known and tomorrow's partition
  // made.
  uuid::Uuid oldest;
  steady_clock::time_point maintained_until = steady_clock::time_point::min();
  steady_clock::time_point read_parked_at = steady_clock::time_point::min();

  // When the wait for the group began: at first for Kafka, then, with a database, for the
  // rebalance.
  std::atomic<steady_clock::time_point> joining_since = steady_clock::now();
  std::atomic<bool> joined = false;

  // A member that cannot apply what the group gives it would only keep it from those that can: a
  // program ahead of its migration, say. False: a stop came first.
  bool AwaitDatabase(std::stop_token stop) {
    Backoff backoff;
    for (bool said = false; !stop.stop_requested(); said = true) {
      absl::Status answer = pool.Acquire(absl::Seconds(1)).status();
      if (answer.ok() || absl::IsResourceExhausted(answer)) return true;  // all busy is busy
      if (!said) {
        telemetry::Warn("not joining the consumer group before the database can be used",
                        {{"group", options.group},
                         {"error", answer.ToString()},
                         {"fix", postgres::FixFor(answer)}});
      }
      waiting::UntilStop(stop, backoff.Next());
    }
    return false;
  }

  absl::Status Maintain(postgres::Connection& connection) {
    if (steady_clock::now() < maintained_until) return absl::OkStatus();
    auto made = connection.Execute("SELECT partitions_create_ahead('inbox', 3)");
    if (!made.ok()) {
      // Days are ahead, and DEFAULT takes what is later: a backup that holds its lock, say, is no
      // reason to stand still.
      telemetry::Warn("partitions for the days ahead are not made; trying again in a minute",
                      {{"error", made.status().ToString()}});
      if (!connection.usable()) return made.status();
    }
    auto floor = connection.Execute("SELECT partitions_oldest('inbox')");
    if (!floor.ok()) return floor.status();
    oldest = floor->Id(0, 0);
    maintained_until =
        steady_clock::now() + (made.ok() ? kMaintenanceInterval : std::chrono::minutes(1));
    return absl::OkStatus();
  }

  // What is held back, for whoever watches: now and then.
  void ReadParked() {
    if (steady_clock::now() < read_parked_at) return;
    read_parked_at = steady_clock::now() + kReadParkedInterval;
    auto lease = pool.Acquire(absl::Milliseconds(100));
    if (!lease.ok()) return;
    auto rows = (*lease)->Execute("SELECT count(*) FROM inbox_parked");
    if (rows.ok()) metrics.SetParked(rows->Int64(0, 0));
  }

  // One attempt, with fresh deliveries: nothing of a failed one is left over. `batch` loses what is
  // done.
  absl::Status Apply(absl::Span<const kafka::Message>& batch) {
    const auto start = steady_clock::now();
    auto lease = pool.Acquire(absl::Seconds(5));
    if (!lease.ok()) return lease.status();
    if (absl::Status maintained = Maintain(**lease); !maintained.ok()) return maintained;
    std::vector<Delivery> deliveries;
    deliveries.reserve(batch.size());
    for (const kafka::Message& message : batch) deliveries.emplace_back(RecordOf(message));
    Outcomes outcomes;
    absl::Status applied =
        ApplyBatch(**lease, handler, oldest, absl::MakeSpan(deliveries), outcomes);
    if (outcomes.messages() > 0) metrics.Count(outcomes, steady_clock::now() - start);
    batch.remove_prefix(static_cast<size_t>(outcomes.messages()));
    return applied;
  }

  // False: the batch is not ours any more, or we are to stop; it was not applied.
  bool ApplyUntilDone(absl::Span<const kafka::Message> batch, kafka::Consumer& consumer,
                      std::stop_token stop) {
    Backoff backoff;
    for (;;) {
      absl::Status applied = Apply(batch);
      if (applied.ok()) return true;
      if (stop.stop_requested()) return false;
      if (postgres::ShouldRerun(applied)) {
        telemetry::Info("batch runs again", {{"error", applied.ToString()}});
      } else if (postgres::IsOutage(applied)) {
        telemetry::Warn("waiting for the database",
                        {{"error", applied.ToString()}, {"fix", postgres::FixFor(applied)}});
      } else {
        telemetry::Error("batch cannot be applied; trying again until the cause is mended",
                         {{"messages", batch.size()},
                          {"error", applied.ToString()},
                          {"fix", postgres::FixFor(applied)}});
      }
      waiting::UntilStop(stop, backoff.Next());
      if (stop.stop_requested()) return false;
      metrics.SetLag(consumer, options.topics);
      if (!consumer.StillOurs()) {
        telemetry::Warn("partitions were taken away; their next owner applies this batch",
                        {{"messages", batch.size()}});
        return false;
      }
    }
  }
};

Door::Door(DoorOptions options, postgres::Pool& pool, Handler& handler,
           prometheus::Registry& metrics)
    : impl_(new Impl{options, pool, handler, Metrics(metrics, options.group)}) {}

Door::~Door() = default;

absl::Status Door::Run(std::stop_token stop) {
  absl::Status topics =
      kafka::AwaitTopics(impl_->options.settings, impl_->options.create_topics, stop);
  if (absl::IsCancelled(topics)) return absl::OkStatus();
  if (!topics.ok()) return topics;
  if (!impl_->AwaitDatabase(stop)) return absl::OkStatus();
  impl_->joining_since = steady_clock::now();

  kafka::ConsumerOptions consumer_options;
  consumer_options.settings = impl_->options.settings;
  consumer_options.group = impl_->options.group;
  consumer_options.topics = impl_->options.topics;
  consumer_options.on_assign = [this](auto) { impl_->joined = true; };
  auto consumer = kafka::Consumer::Create(std::move(consumer_options));
  if (!consumer.ok()) return consumer.status();
  {
    // Its destructor waits for a call that is under way: Close must not come in between.
    std::stop_callback wake(stop, [&] { (*consumer)->Wakeup(); });
    while (!stop.stop_requested()) {
      auto batch = (*consumer)->Poll(std::chrono::seconds(1), impl_->options.limits);
      if (!batch.ok()) return batch.status();
      impl_->metrics.SetLag(**consumer, impl_->options.topics);
      impl_->ReadParked();
      if (batch->empty()) continue;
      if (impl_->ApplyUntilDone(*batch, **consumer, stop)) (*consumer)->StoreOffsets(*batch);
    }
  }
  return (*consumer)->Close(std::chrono::seconds(5));
}

absl::Status Door::HasJoined() const {
  if (impl_->joined ||
      steady_clock::now() - impl_->joining_since.load() > impl_->options.max_joining) {
    return absl::OkStatus();
  }
  return absl::UnavailableError("the consumer group " + impl_->options.group +
                                " has not given out its partitions yet");
}

}  // namespace inbox
