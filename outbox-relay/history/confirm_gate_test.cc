#include "outbox-relay/history/confirm_gate.h"

#include <gtest/gtest.h>

namespace relay {
namespace {

TEST(ConfirmGateTest, OnlyWhatIsRecordedMayBeTold) {
  ConfirmGate gate;
  EXPECT_FALSE(gate.session());
  gate.Open({.confirmed = Lsn{100}}, /*topic_read=*/true);
  EXPECT_EQ(gate.recorded(), Lsn{100});
  gate.SetRecorded(gate.session()->number, Lsn{150});
  gate.SetRecorded(gate.session()->number, Lsn{120});
  EXPECT_EQ(gate.recorded(), Lsn{150}) << "what is recorded stays so";
}

TEST(ConfirmGateTest, WhatIsSaidOfAnEarlierSessionDoesNothing) {
  ConfirmGate gate;
  gate.Open({.confirmed = Lsn{500}}, /*topic_read=*/false);
  const int64_t earlier = gate.session()->number;
  gate.Open({.confirmed = Lsn{7}}, /*topic_read=*/false);
  gate.SetRecorded(earlier, Lsn{900});
  gate.SetTopicRead(earlier);
  gate.Refuse(earlier, absl::DataLossError("other"));
  EXPECT_EQ(gate.recorded(), Lsn{7});
  EXPECT_FALSE(gate.session()->topic_read);
  EXPECT_TRUE(gate.refusal().ok());
}

TEST(ConfirmGateTest, ARefusalEndsWithTheNextSession) {
  ConfirmGate gate;
  gate.Open({}, /*topic_read=*/true);
  gate.Refuse(gate.session()->number, absl::DataLossError("other"));
  EXPECT_EQ(gate.refusal().code(), absl::StatusCode::kDataLoss);
  gate.Open({}, /*topic_read=*/true);
  EXPECT_TRUE(gate.refusal().ok());
}

TEST(AckedOffsetsTest, KeepsTheHighestOfEachPartition) {
  AckedOffsets offsets;
  offsets.Merge({{"a", {{0, 5}, {1, 50}}}});
  EXPECT_EQ(offsets.notes(), 0u);
  offsets.Note("a", 0, 9);
  offsets.Note("a", 1, 9);
  offsets.Note("b", 3, 0);
  const std::shared_ptr<const TopicOffsets> snapshot = offsets.Snapshot();
  EXPECT_EQ(*snapshot, (TopicOffsets{{"a", {{0, 10}, {1, 50}}}, {"b", {{3, 1}}}}));
  EXPECT_EQ(offsets.Snapshot(), snapshot) << "nothing came";
  offsets.Note("b", 3, 1);
  EXPECT_EQ(snapshot->at("b").at(3), 1) << "what was given out does not change";
  EXPECT_EQ(offsets.notes(), 4u);
}

}  // namespace
}  // namespace relay
