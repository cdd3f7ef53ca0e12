// What every program does around its parts: logs, metrics, health, signals, drain, exit code.
//
//   service::Runtime runtime(flags, config.runtime);      // first of all: it blocks the signals
//   service::GrpcServer calls("grpc", …, runtime.metrics());
//   service::Loop replies("replies", …);
//   return runtime.Run(calls, replies);                   // until SIGTERM or SIGINT
#ifndef ORDER_SAGA_LIBS_SERVICE_RUNTIME_H_
#define ORDER_SAGA_LIBS_SERVICE_RUNTIME_H_

#include <chrono>
#include <memory>
#include <span>
#include <string>

#include "libs/service/component.h"
#include "libs/service/flags.h"
#include "libs/telemetry/http_endpoint.h"
#include "libs/telemetry/log.h"
#include "prometheus/registry.h"

namespace service {

struct RuntimeConfig {
  std::string http_address = "127.0.0.1:0";
  std::string log_level = "info";
  std::string log_format = "text";
  std::chrono::seconds drain_timeout{10};
};

// --log_level, --log_format: for every verb.
void AddLogFlags(Verb& verb, RuntimeConfig* config);
// Those, --http_address and --drain_timeout_s: for `run`.
void AddRuntimeFlags(Verb& verb, RuntimeConfig* config);
// Leads all logs as the flags say; Runtime does it too, so this is for verbs that do not run.
void InitLogging(const Flags& flags, const RuntimeConfig& config);

class Runtime {
 public:
  // Call it before any thread is started: SIGTERM and SIGINT are blocked in the calling thread and
  // all that come from it; SIGPIPE is ignored.
  Runtime(const Flags& flags, const RuntimeConfig& config);
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  prometheus::Registry& metrics();
  // For checks and further metrics. /readyz fails by itself until all components have started and
  // from the drain on.
  telemetry::HttpEndpoint& http();

  // Starts the components in this order, waits for SIGTERM, SIGINT or a component's failure, then
  // begins their drain and awaits it in reverse order, all within drain_timeout. The exit code: 0
  // after a signal, 1 after a failure. A second signal (but one that comes within 200 ms:
  // timeout(1) sends two), or a drain that takes too long, ends the process at once with 1. One
  // line is logged at the start (the configuration, where it listens) and one at the end.
  template <typename... Components>
  int Run(Components&... components) {
    Component* list[] = {&components...};
    return Run(std::span<Component* const>(list));
  }
  int Run(std::span<Component* const> components);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace service

#endif  // ORDER_SAGA_LIBS_SERVICE_RUNTIME_H_
