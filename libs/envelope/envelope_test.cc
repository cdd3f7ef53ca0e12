#include "libs/envelope/envelope.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace envelope {
namespace {

using saga::v1::Envelope;
using testing::HasSubstr;

Envelope Sample() {
  Envelope envelope;
  envelope.set_target("ORDER_CREATION");
  envelope.set_tx_id("0192f0c1-2345-7abc-8def-0123456789ab");
  envelope.set_command_id("6ba7b810-9dad-51d1-80b4-00c04fd430c8");
  envelope.set_status(Envelope::APPROVED);
  envelope.set_step("product-stock");
  envelope.mutable_reserve_stock()->set_order_id("o");
  return envelope;
}

TEST(EnvelopeTest, GoesThereAndBackInBothFormats) {
  for (Format format : {Format::kProtobuf, Format::kJson}) {
    outbox::Event event = ToEvent(Sample(), format, "t", std::nullopt);
    EXPECT_EQ(event.type, "product.v1.ReserveStock");
    EXPECT_EQ(event.aggregateid, Sample().tx_id());
    const std::string content_type =
        format == Format::kJson ? event.headers.at(0).second : "application/protobuf";
    auto parsed = Parse(*event.payload, content_type);
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(parsed->envelope.SerializeAsString(), Sample().SerializeAsString());
    EXPECT_EQ(uuid::ToString(parsed->tx_id), Sample().tx_id());
  }
}

TEST(EnvelopeTest, JsonSaysWhatTheSeedSays) {
  outbox::Event event = ToEvent(Sample(), Format::kJson, "t", std::nullopt);
  EXPECT_THAT(*event.payload, HasSubstr(R"("target":"ORDER_CREATION")"));
  EXPECT_THAT(*event.payload, HasSubstr(R"("status":"APPROVED")"));
  EXPECT_THAT(*event.payload, HasSubstr(R"("txId":)"));
}

TEST(EnvelopeTest, SaysWhatIsWrong) {
  auto error = [](auto change) {
    Envelope envelope = Sample();
    change(envelope);
    const std::string bytes = envelope.SerializeAsString();
    return std::string(Parse(bytes, "application/protobuf").status().message());
  };
  EXPECT_THAT(error([](Envelope& e) { e.set_tx_id("x"); }), HasSubstr("tx_id: not a UUID"));
  EXPECT_THAT(error([](Envelope& e) { e.clear_command_id(); }), HasSubstr("command_id"));
  EXPECT_THAT(error([](Envelope& e) { e.clear_status(); }), HasSubstr("status"));
  EXPECT_THAT(error([](Envelope& e) { e.clear_step(); }), HasSubstr("step"));
  EXPECT_THAT(error([](Envelope& e) { e.clear_body(); }), HasSubstr("body"));
  EXPECT_THAT(error([](Envelope& e) { e.set_message(std::string("a\0b", 3)); }), HasSubstr("NUL"));
  EXPECT_FALSE(Parse("\xff\xff", "application/protobuf").ok());
  EXPECT_FALSE(Parse("{", "application/json").ok());
  EXPECT_FALSE(Parse("", "text/plain").ok());
  EXPECT_FALSE(Parse(std::nullopt, "application/protobuf").ok());
}

}  // namespace
}  // namespace envelope
