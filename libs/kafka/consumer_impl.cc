#include "libs/kafka/consumer_impl.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/telemetry/log.h"

namespace kafka {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kCommitInterval(1000);
constexpr milliseconds kCommitTimeout(3000);
constexpr milliseconds kRestartTimeout(5000);

using Pair = std::pair<std::string_view, std::string_view>;

constexpr Pair kDefaults[] = {
    // A member that was killed is replaced after this long; the broker's minimum by default.
    {"session.timeout.ms", "6000"},
    {"heartbeat.interval.ms", "1500"},
    // How long the group waits for us at a rebalance, so not longer than a batch may take.
    {"max.poll.interval.ms", "300000"},
    // A missing topic is found within this time.
    {"topic.metadata.refresh.interval.ms", "5000"},
    // An idle broker answers a fetch the moment there is something. While it holds one back, it
    // answers nothing else on the connection: partitions that are new to us, and first have to ask
    // where they begin, wait so long for their turn.
    {"fetch.min.bytes", "1"},
    {"fetch.wait.max.ms", "100"},
    // Memory. librdkafka 2.0 pauses fetching for a whole second when the queue is full, so it must
    // hold what a door handles in a second (this much: 40,000 messages of 400 bytes).
    {"queued.max.messages.kbytes", "16384"},
    {"fetch.max.bytes", "8388608"},
    {"socket.nagle.disable", "true"},
    // A broker or a coordinator that is back is found within a second, not within ten or sixty.
    {"reconnect.backoff.max.ms", "1000"},
    {"coordinator.query.interval.ms", "10000"},
    {"isolation.level", "read_committed"},
};

constexpr Pair kRequired[] = {
    // We commit ourselves: librdkafka's own commits can go out for partitions already lost.
    {"enable.auto.commit", "false"},
    {"enable.auto.offset.store", "false"},
    {"auto.offset.reset", "earliest"},
    {"enable.partition.eof", "true"},
    // Eager: librdkafka 2.0's cooperative rebalances can lose an assignment.
    {"partition.assignment.strategy", "range"},
};

struct ListDeleter {
  void operator()(rd_kafka_topic_partition_list_t* list) const {
    rd_kafka_topic_partition_list_destroy(list);
  }
};
using List = std::unique_ptr<rd_kafka_topic_partition_list_t, ListDeleter>;

std::vector<TopicPartition> PartitionsOf(const rd_kafka_topic_partition_list_t& list) {
  std::vector<TopicPartition> partitions;
  for (int i = 0; i < list.cnt; ++i) {
    partitions.push_back({list.elems[i].topic, list.elems[i].partition});
  }
  return partitions;
}

void OnRebalance(rd_kafka_t* client, rd_kafka_resp_err_t what,
                 rd_kafka_topic_partition_list_t* partitions, void* opaque) {
  auto* impl = static_cast<Consumer::Impl*>(opaque);
  if (what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
    impl->OnAssign(partitions);
    return;
  }
  if (what != RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS) {
    telemetry::Warn("rebalance failed; joining again",
                    {{"client", rd_kafka_name(client)}, {"error", rd_kafka_err2str(what)}});
  }
  impl->OnTakenAway(partitions);
}

// The answer to an asynchronous commit.
void OnCommitted(rd_kafka_t* client, rd_kafka_resp_err_t error,
                 rd_kafka_topic_partition_list_t* offsets, void* opaque) {
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR || error == RD_KAFKA_RESP_ERR__NO_OFFSET) return;
  telemetry::Warn("offsets not committed; the next commit tries again",
                  {{"client", rd_kafka_name(client)}, {"error", rd_kafka_err2str(error)}});
  if (offsets == nullptr) return;
  auto* impl = static_cast<Consumer::Impl*>(opaque);
  const std::lock_guard lock(impl->mutex);
  for (int i = 0; i < offsets->cnt; ++i) {
    auto* owned = impl->Find(offsets->elems[i].topic, offsets->elems[i].partition);
    if (owned != nullptr) owned->committed = Consumer::Impl::kUnknown;
  }
}

// A revocation that waited for our poll may be out of date: the group has gone on without us since.
// librdkafka's own flag tells only what was so when the revocation was queued.
bool IsNoMember(rd_kafka_t* client) {
  char* id = rd_kafka_memberid(client);
  const bool none = id == nullptr || *id == '\0';
  if (id != nullptr) rd_kafka_mem_free(client, id);
  return none;
}

// rd_kafka_commit would wait for the session timeout, which a user may set to minutes.
rd_kafka_resp_err_t CommitAndWait(rd_kafka_t* client, const rd_kafka_topic_partition_list_t& list) {
  const std::unique_ptr<rd_kafka_queue_t, decltype(&rd_kafka_queue_destroy)> answers(
      rd_kafka_queue_new(client), &rd_kafka_queue_destroy);
  std::optional<rd_kafka_resp_err_t> answer;
  const rd_kafka_resp_err_t error = rd_kafka_commit_queue(
      client, &list, answers.get(),
      [](rd_kafka_t*, rd_kafka_resp_err_t committed, rd_kafka_topic_partition_list_t*,
         void* opaque) { *static_cast<std::optional<rd_kafka_resp_err_t>*>(opaque) = committed; },
      &answer);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return error;
  rd_kafka_queue_poll_callback(answers.get(), static_cast<int>(kCommitTimeout.count()));
  return answer.value_or(RD_KAFKA_RESP_ERR__TIMED_OUT);
}

}  // namespace

Consumer::Impl::~Impl() {
  // Open failed half way.
  if (client != nullptr) Destroy(RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

void Consumer::Impl::Destroy(int flags) {
  {
    const std::lock_guard lock(mutex);
    rd_kafka_queue_destroy(queue);
    queue = nullptr;
    owned.clear();
  }
  rd_kafka_queue_destroy(std::exchange(fetched, nullptr));
  rd_kafka_destroy_flags(std::exchange(client, nullptr), flags);
}

absl::Status Consumer::Impl::Open() {
  absl::StatusOr<Conf> made = MakeConf(options.settings, kDefaults, kRequired);
  if (!made.ok()) return made.status();
  Conf conf = *std::move(made);
  rd_kafka_conf_set(conf.get(), "group.id", options.group.c_str(), nullptr, 0);
  rd_kafka_conf_set_opaque(conf.get(), this);
  rd_kafka_conf_set_rebalance_cb(conf.get(), OnRebalance);
  rd_kafka_conf_set_offset_commit_cb(conf.get(), OnCommitted);
  char why[512] = "";
  client = rd_kafka_new(RD_KAFKA_CONSUMER, conf.get(), why, sizeof why);
  if (client == nullptr) return absl::InvalidArgumentError(absl::StrCat("Kafka consumer: ", why));
  conf.release();  // the client owns it now
  // One queue for messages, rebalances, errors and answers: one place to wait at.
  rd_kafka_poll_set_consumer(client);
  {
    const std::lock_guard lock(mutex);
    queue = rd_kafka_queue_get_consumer(client);
  }
  fetched = rd_kafka_queue_new(client);
  rd_kafka_queue_forward(fetched, queue);
  held = false;

  const List topics(rd_kafka_topic_partition_list_new(static_cast<int>(options.topics.size())));
  for (const std::string& topic : options.topics) {
    rd_kafka_topic_partition_list_add(topics.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
  }
  const rd_kafka_resp_err_t error = rd_kafka_subscribe(client, topics.get());
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot subscribe to the topics: ", rd_kafka_err2str(error)));
  }
  watch = std::jthread([this](std::stop_token stop) { Watch(stop); });
  return absl::OkStatus();
}

absl::Status Consumer::Impl::Restart() {
  const absl::Status closed = Close(kRestartTimeout);
  if (!closed.ok()) telemetry::Warn("consumer restarts", {{"error", closed.ToString()}});
  return Open();
}

absl::StatusOr<Consumer::Impl::Taken> Consumer::Impl::Take(milliseconds wait) {
  const Clock::time_point start = wait.count() > 0 ? Clock::now() : Clock::time_point();
  rd_kafka_message_t* message = rd_kafka_consumer_poll(client, static_cast<int>(wait.count()));
  if (wait.count() > 0) waited = waited.load() + (Clock::now() - start);
  if (message == nullptr) {
    const absl::Status fatal = FatalError();
    if (!fatal.ok()) return fatal;
    return Taken::kNothing;
  }
  Message taken(message);
  if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
    collected.push_back(std::move(taken));
    return Taken::kMessage;
  }
  const absl::Status status = HandleError(*message);
  if (!status.ok()) return status;
  return Taken::kOther;
}

void Consumer::Impl::OnEndReached(const rd_kafka_message_t& end) {
  const std::lock_guard lock(mutex);
  Owned* one = Find(rd_kafka_topic_name(end.rkt), end.partition);
  if (one != nullptr) one->reached = std::max(one->reached, end.offset);
}

absl::Status Consumer::Impl::HandleError(const rd_kafka_message_t& error) {
  const telemetry::Field client_field("client", rd_kafka_name(client));
  const char* text = rd_kafka_message_errstr(&error);
  switch (error.err) {
    case RD_KAFKA_RESP_ERR__FATAL:
      return FatalError();
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
      OnEndReached(error);
      break;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
      telemetry::Warn("a topic does not exist yet; waiting for it",
                      {client_field, {"error", text}});
      break;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
      telemetry::Error(
          "Kafka does not allow this; give the program's principal READ on the topic "
          "and the group",
          {client_field, {"group", options.group}, {"error", text}});
      break;
    default:
      telemetry::Warn("Kafka consumer error; going on",
                      {client_field, {"code", rd_kafka_err2name(error.err)}, {"error", text}});
  }
  return absl::OkStatus();
}

absl::Status Consumer::Impl::FatalError() const {
  char why[512] = "";
  const rd_kafka_resp_err_t error = rd_kafka_fatal_error(client, why, sizeof why);
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("the Kafka consumer of group ", options.group,
                                          " cannot go on: ", rd_kafka_err2name(error), ": ", why));
}

void Consumer::Impl::Hold() {
  if (!std::exchange(held, true)) rd_kafka_queue_forward(fetched, nullptr);
}

void Consumer::Impl::Release() {
  if (std::exchange(held, false)) rd_kafka_queue_forward(fetched, queue);
}

absl::Status Consumer::Impl::Commit(CommitMode mode) {
  List list(rd_kafka_topic_partition_list_new(0));
  {
    const std::lock_guard lock(mutex);
    for (Owned& one : owned) {
      if (one.next == kUnknown || one.next == one.committed) continue;
      rd_kafka_topic_partition_list_add(list.get(), one.partition.topic.c_str(),
                                        one.partition.partition)
          ->offset = one.next;
      one.committed = one.next;
    }
  }
  last_commit = Clock::now();
  if (list->cnt == 0) return absl::OkStatus();
  const rd_kafka_resp_err_t error = mode == CommitMode::kAsync
                                        ? rd_kafka_commit(client, list.get(), /*async=*/1)
                                        : CommitAndWait(client, *list);
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return absl::OkStatus();
  OnCommitted(client, error, list.get(), this);
  return absl::UnavailableError(absl::StrCat("offsets not committed: ", rd_kafka_err2str(error)));
}

void Consumer::Impl::CommitWhenDue() {
  // A failure was logged, and is tried again a second later.
  if (Clock::now() - last_commit >= kCommitInterval) Commit(CommitMode::kAsync).IgnoreError();
}

milliseconds Consumer::Impl::UntilCommitDue(Clock::time_point deadline) {
  {
    const std::lock_guard lock(mutex);
    if (std::any_of(owned.begin(), owned.end(),
                    [](const Owned& one) { return one.next != one.committed; })) {
      deadline = std::min(deadline, last_commit + kCommitInterval);
    }
  }
  const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
  return std::max(left, milliseconds(0));
}

Consumer::Impl::Owned* Consumer::Impl::Find(std::string_view topic, std::int32_t partition) {
  const auto found = std::find_if(owned.begin(), owned.end(), [&](const Owned& one) {
    return one.partition.partition == partition && one.partition.topic == topic;
  });
  return found == owned.end() ? nullptr : &*found;
}

void Consumer::Impl::ForEachOwned(std::span<const Message> batch,
                                  absl::FunctionRef<void(Owned& one, std::int64_t behind)> visit) {
  const std::lock_guard lock(mutex);
  Owned* one = nullptr;
  for (const Message& message : batch) {
    if (one == nullptr || one->partition.partition != message.partition() ||
        one->partition.topic != message.topic()) {
      one = Find(message.topic(), message.partition());
    }
    if (one != nullptr) visit(*one, message.offset() + 1);
  }
}

void Consumer::Impl::OnAssign(rd_kafka_topic_partition_list_t* partitions) {
  std::vector<TopicPartition> list = PartitionsOf(*partitions);
  telemetry::Info("partitions assigned",
                  {{"client", rd_kafka_name(client)}, {"partitions", list.size()}});
  {
    const std::lock_guard lock(mutex);
    owned.clear();
    for (const TopicPartition& partition : list) owned.push_back({.partition = partition});
  }
  for (const TopicPartition& partition : list) {
    rd_kafka_queue_t* one =
        rd_kafka_queue_get_partition(client, partition.topic.c_str(), partition.partition);
    rd_kafka_queue_forward(one, fetched);
    rd_kafka_queue_destroy(one);
  }
  rd_kafka_assign(client, partitions);
  {
    const std::lock_guard lock(watch_mutex);
    look_now = true;
  }
  watch_wake.notify_one();
  if (options.on_assign) options.on_assign(list);
}

void Consumer::Impl::OnTakenAway(rd_kafka_topic_partition_list_t* partitions) {
  const std::vector<TopicPartition> list = PartitionsOf(*partitions);
  const bool lost = IsNoMember(client) || rd_kafka_assignment_lost(client) != 0;
  telemetry::Log(lost ? telemetry::Level::kWarn : telemetry::Level::kInfo,
                 lost ? "partitions lost" : "partitions revoked",
                 {{"client", rd_kafka_name(client)}, {"partitions", list.size()}});
  // Not handed out yet and not stored, so the next owner gets them.
  collected.clear();
  taken_away = true;
  if (lost) {
    if (options.on_lost) options.on_lost(list);
  } else {
    if (options.on_revoke) options.on_revoke(list);
    Commit(CommitMode::kSync).IgnoreError();  // logged; what is not committed comes again
  }
  {
    const std::lock_guard lock(mutex);
    owned.clear();
  }
  rd_kafka_assign(client, nullptr);
}

absl::Status Consumer::Impl::Close(milliseconds timeout) {
  const Clock::time_point deadline = Clock::now() + timeout;
  watch.request_stop();
  if (watch.joinable()) watch.join();
  collected.clear();
  // Asynchronous: the broker may be away. Revokes our partitions, which commits, and leaves.
  rd_kafka_error_t* error = rd_kafka_consumer_close_queue(client, queue);
  if (error != nullptr) rd_kafka_error_destroy(error);
  while (!rd_kafka_consumer_closed(client) && Clock::now() < deadline) {
    // Messages that still come are dropped: nothing of them is stored.
    if (rd_kafka_message_t* message = rd_kafka_consumer_poll(client, 20); message != nullptr) {
      rd_kafka_message_destroy(message);
    }
  }
  const bool closed = rd_kafka_consumer_closed(client) != 0;
  Destroy(closed ? 0 : RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
  if (closed) return absl::OkStatus();
  return absl::DeadlineExceededError(
      absl::StrCat("group ", options.group, " was not left in order: Kafka did not answer"));
}

}  // namespace kafka
