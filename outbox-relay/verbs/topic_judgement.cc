#include <algorithm>

#include "absl/strings/str_cat.h"
#include "outbox-relay/verbs/kafka_checks.h"
#include "outbox-relay/verbs/status.h"

namespace relay {
namespace {

// What a record costs besides its payload: key, headers, the batch's own head.
constexpr int64_t kRecordOverhead = 2'048;

}  // namespace

void JudgeTopic(const TopicState& topic, int64_t largest_event_bytes, Symptoms& symptoms) {
  const std::string check = absl::StrCat("topic ", topic.name);
  const size_t before = symptoms.all().size();
  if (topic.partitions_without_leader > 0) {
    symptoms.Fail(check,
                  absl::StrCat(topic.partitions_without_leader, " of ", topic.partitions,
                               " partitions have no leader: their events wait"),
                  "bring the brokers back that hold them");
  }
  if (topic.configuration_known) {
    const std::string isr = absl::StrCat("min.insync.replicas is ", topic.min_in_sync, ", ");
    // Brokers from 3.7 on never ask for more than there are.
    if (std::min(topic.min_in_sync, topic.fewest_replicas) > topic.fewest_in_sync) {
      symptoms.Fail(check,
                    absl::StrCat(isr, "and a partition has ", topic.fewest_in_sync,
                                 " replicas in sync: its events wait"),
                    "bring the missing brokers back");
    } else if (topic.min_in_sync > topic.fewest_replicas) {
      symptoms.Warn(check,
                    absl::StrCat(isr, "and it has ", topic.fewest_replicas,
                                 " replicas: brokers before 3.7 never acknowledge acks=all"),
                    absl::StrCat("lower min.insync.replicas of the topic, or give it ",
                                 topic.min_in_sync + 1, " replicas"));
    } else if (topic.fewest_replicas == 1) {
      symptoms.Warn(check, "one replica: a lost broker loses what was published",
                    "3 replicas and min.insync.replicas=2, outside of tests");
    } else if (topic.min_in_sync == 1) {
      symptoms.Warn(check, absl::StrCat(isr, "so that acks=all may mean one copy only"),
                    "kafka-configs --alter --topic … --add-config min.insync.replicas=2");
    } else if (topic.min_in_sync == topic.fewest_replicas) {
      symptoms.Warn(check, absl::StrCat(isr, "all its replicas: one broker that is away stops it"),
                    "give it one more replica");
    }
    if (topic.unclean_election) {
      symptoms.Warn(check, "unclean.leader.election.enable: acknowledged events may get lost",
                    "set it to false for the topic");
    }
    if (largest_event_bytes + kRecordOverhead > topic.largest_bytes) {
      symptoms.Fail(check,
                    absl::StrCat("an event of ", HumanBytes(largest_event_bytes),
                                 " in the outbox is more than max.message.bytes (",
                                 HumanBytes(topic.largest_bytes), ") takes"),
                    absl::StrCat("raise max.message.bytes of the topic ", topic.name,
                                 ", and message.max.bytes of its consumers"));
    }
  }
  if (symptoms.all().size() == before) {
    symptoms.Ok(check, absl::StrCat(topic.partitions, " partitions, ", topic.fewest_replicas,
                                    " replicas, all that acks=all needs"));
  }
}

}  // namespace relay
