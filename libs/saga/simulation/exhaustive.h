#ifndef ORDER_SAGA_LIBS_SAGA_SIMULATION_EXHAUSTIVE_H_
#define ORDER_SAGA_LIBS_SAGA_SIMULATION_EXHAUSTIVE_H_

#include <cstdint>

#include "libs/saga/simulation/report.h"
#include "libs/saga/simulation/system.h"

namespace saga::simulation {

// How far an exhaustive run goes. The order of deliveries and who refuses are not bounded.
struct Bounds {
  int sagas = 1;
  int units = 1;        // of each participant
  int comes_again = 4;  // redeliveries in one history
  int overtakes = 1;    // undos and cancels that overtake their action, in one history
};

// Runs every history within the bounds: every refusal × duplicate × order × crash point. States
// that were seen are not run again but their histories are counted, so `histories` is the number of
// different ways from start to end (at most 2^64 - 1). Told apart by 64-bit fingerprints. Stops at
// the first violation.
Report RunAll(const System& system, const Bounds& bounds);

}  // namespace saga::simulation

#endif  // ORDER_SAGA_LIBS_SAGA_SIMULATION_EXHAUSTIVE_H_
