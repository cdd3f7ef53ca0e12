// The parts of a saga's row that are lists, as JSON: readable in psql, and open to new fields.
#ifndef ORDER_SAGA_LIBS_ORCHESTRATOR_SAGA_JSON_H_
#define ORDER_SAGA_LIBS_ORCHESTRATOR_SAGA_JSON_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "libs/saga/saga_state.h"

namespace orchestrator {

std::string ToJson(const std::vector<saga::SentCommand>& commands);
std::optional<std::string> ToJson(const std::optional<saga::Refusal>& refusal);

// DataLoss if the text is not what ToJson writes (fields that are not known are passed over).
absl::Status FromJson(std::string_view text, std::vector<saga::SentCommand>& commands);
absl::Status FromJson(std::string_view text, saga::Refusal& refusal);

}  // namespace orchestrator

#endif  // ORDER_SAGA_LIBS_ORCHESTRATOR_SAGA_JSON_H_
