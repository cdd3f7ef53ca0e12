#ifndef ORDER_SAGA_LIBS_SAGA_SIMULATION_REPORT_H_
#define ORDER_SAGA_LIBS_SAGA_SIMULATION_REPORT_H_

#include <cstdint>
#include <string>

namespace saga::simulation {

struct Report {
  uint64_t histories = 0;
  uint64_t checks = 0;
  uint64_t violations = 0;      // histories that broke a promise; each is stopped there
  std::string first_violation;  // what broke, and the whole way there; empty if nothing did
};

}  // namespace saga::simulation

#endif  // ORDER_SAGA_LIBS_SAGA_SIMULATION_REPORT_H_
