#include "libs/telemetry/host_port.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace telemetry {
namespace {

using ::testing::HasSubstr;

TEST(HostPortTest, ReadsNamesAndAddresses) {
  EXPECT_EQ(ParseHostPort("127.0.0.1:21001")->ToString(), "127.0.0.1:21001");
  EXPECT_EQ(ParseHostPort("localhost:0")->port, 0);
  EXPECT_EQ(ParseHostPort("[::1]:80")->host, "::1");
  EXPECT_EQ(ParseHostPort("[::1]:80")->ToString(), "[::1]:80");
}

TEST(HostPortTest, RefusesTheRestAndShowsTheForm) {
  for (const char* bad : {"", ":1", "host", "host:", "host:x", "host:70000", "host:-1", "::1:80",
                          "[]:1", "host:+1", "host: 1"}) {
    EXPECT_THAT(std::string(ParseHostPort(bad).status().message()), HasSubstr("HOST:PORT")) << bad;
  }
}

TEST(HostPortTest, ATakenPortIsNamed) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in self{};
  self.sin_family = AF_INET;
  self.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof self;
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&self), size), 0);
  ASSERT_EQ(listen(fd, 1), 0);
  ASSERT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&self), &size), 0);
  const HostPort taken{"127.0.0.1", ntohs(self.sin_port)};
  EXPECT_EQ(CheckCanListen(taken).message(),
            "port " + std::to_string(taken.port) +
                " on 127.0.0.1 is taken by another process; choose another, or 0 for any free one");
  close(fd);
  EXPECT_TRUE(CheckCanListen(taken).ok());
}

TEST(HostPortTest, AForeignAddressIsNamed) {
  EXPECT_THAT(std::string(CheckCanListen({"192.0.2.1", 0}).message()),
              HasSubstr("not an address of this machine"));
}

}  // namespace
}  // namespace telemetry
