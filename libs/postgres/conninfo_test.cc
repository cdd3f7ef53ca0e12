#include "libs/postgres/conninfo.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postgres {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string Fault(std::string_view text) { return std::string(CheckConninfo(text).message()); }

TEST(ConninfoTest, TakesWhatLibpqTakes) {
  EXPECT_EQ(Fault("postgresql://role:secret@host:5432/database"), "");
  EXPECT_EQ(Fault("host=/run/postgresql dbname=database user=role"), "");
  EXPECT_EQ(Fault("postgresql://one:5432,two/database?target_session_attrs=read-write"), "");
}

TEST(ConninfoTest, SaysWhatIsWrongWithoutTheSecret) {
  for (const char* text :
       {"postgresql://role:secret@host:notaport/database", "postgresql://role:secret@host:70000/d",
        "postgresql://role:secret@host/d?nonsense=1", "secret", "host=h password=secret"}) {
    EXPECT_FALSE(CheckConninfo(text).ok()) << text;
    EXPECT_THAT(Fault(text), Not(HasSubstr("secret")));
  }
  EXPECT_THAT(Fault("postgresql://role@host:x/database"), HasSubstr("port"));
  EXPECT_THAT(Fault("postgresql://role@host"), HasSubstr("names no database"));
}

}  // namespace
}  // namespace postgres
