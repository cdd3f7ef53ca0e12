#include "libs/service/redact.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace service {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(RedactTest, ConnectionUris) {
  EXPECT_EQ(Redact("postgresql://order_service:s3cret@db:5432/order_service"),
            "postgresql://order_service:***@db:5432/order_service");
  EXPECT_EQ(Redact("postgresql://order_service@db/order_service?sslmode=verify-full"),
            "postgresql://order_service@db/order_service?sslmode=verify-full");
  EXPECT_EQ(Redact("postgresql://db/x?user=u&password=s3cret&sslmode=require"),
            "postgresql://db/x?user=u&password=***&sslmode=require");
  EXPECT_EQ(Redact("postgresql://u@[::1]:5432/x"), "postgresql://u@[::1]:5432/x");
}

TEST(RedactTest, KeywordsQuotedOrNot) {
  EXPECT_EQ(Redact("host=db password=s3cret dbname=x"), "host=db password=*** dbname=x");
  EXPECT_EQ(Redact("host=db password='s3 cr\\'et' dbname=x"), "host=db password=*** dbname=x");
  EXPECT_EQ(Redact("password = s3cret host=db"), "password = *** host=db");
  EXPECT_EQ(Redact("sslpassword=a PASSWORD=b"), "sslpassword=*** PASSWORD=***");
  EXPECT_EQ(Redact("password='unterminated secret"), "password=***");
}

TEST(RedactTest, ListsOfSourcesAndKafkaProperties) {
  EXPECT_EQ(Redact("order=postgresql://a:x@h/o;product=postgresql://b:y@h/p"),
            "order=postgresql://a:***@h/o;product=postgresql://b:***@h/p");
  EXPECT_EQ(Redact("sasl.username=me,sasl.password=a,b,security.protocol=SASL_SSL"),
            "sasl.username=me,sasl.password=***,security.protocol=SASL_SSL");
  EXPECT_EQ(Redact("ssl.key.pem=-----BEGIN"), "ssl.key.pem=***");
}

TEST(RedactTest, SloppilyWrittenPasswordsDoNotLeakEither) {
  for (const char* text : {"postgresql://u:s3cret@more@db/x", "postgresql://u:a/s3cret@db/x",
                           "postgresql://u:a?s3cret@db/x", "host=db  password=a\\ s3cret"}) {
    EXPECT_THAT(Redact(text), Not(HasSubstr("s3cret"))) << text;
    EXPECT_THAT(Redact(text), HasSubstr("db")) << text;
  }
}

TEST(RedactTest, OrdinaryTextsStayAsTheyAre) {
  for (const char* text : {"", "info", "127.0.0.1:21001", "a=b", "http://host:80/x", "100%",
                           "kafka-1:9092,kafka-2:9092"}) {
    EXPECT_EQ(Redact(text), text);
  }
}

}  // namespace
}  // namespace service
