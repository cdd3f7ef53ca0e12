#include "libs/service/healthcheck.h"

#include <chrono>
#include <cstdio>

#include "libs/telemetry/ask_ready.h"
#include "libs/telemetry/host_port.h"

namespace service {
namespace {

constexpr std::chrono::seconds kTimeout(3);

}  // namespace

void AddHealthcheckFlags(Verb& verb, std::string* http_address) {
  verb.Add(http_address, {.name = "http_address",
                          .help = "As the program that runs was given it.",
                          .check = IsHostPort()});
}

int Healthcheck(const std::string& http_address) {
  auto address = telemetry::ParseHostPort(http_address);
  auto ready = address.ok() ? telemetry::AskReady(*address, kTimeout) : address.status();
  const std::string text = ready.ok() ? *ready : std::string(ready.status().message());
  std::fprintf(ready.ok() ? stdout : stderr, "%s%s", text.c_str(),
               text.empty() || text.back() != '\n' ? "\n" : "");
  return ready.ok() ? 0 : 1;
}

}  // namespace service
