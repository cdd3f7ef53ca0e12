#ifndef ORDER_SAGA_LIBS_SAGA_DIAGRAM_H_
#define ORDER_SAGA_LIBS_SAGA_DIAGRAM_H_

#include <string>

#include "libs/saga/step_table.h"

namespace saga {

// The table as a Mermaid stateDiagram-v2: the way forward, and the way back after a refusal.
std::string Mermaid(const StepTable& table);

}  // namespace saga

#endif  // ORDER_SAGA_LIBS_SAGA_DIAGRAM_H_
