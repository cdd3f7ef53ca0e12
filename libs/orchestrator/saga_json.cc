#include "libs/orchestrator/saga_json.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

namespace orchestrator {
namespace {

using nlohmann::json;

// Texts come from messages, which protobuf has checked to be UTF-8; should one not be, it is
// replaced rather than thrown about.
std::string Dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

absl::Status Unreadable(std::string_view text) {
  return absl::DataLossError(
      absl::StrCat("a saga's row holds JSON that does not read: ", std::string(text)));
}

}  // namespace

std::string ToJson(const std::vector<saga::SentCommand>& commands) {
  json list = json::array();
  for (const saga::SentCommand& command : commands) {
    list.push_back({{"name", command.name},
                    {"direction", static_cast<int>(command.direction)},
                    {"id", command.command_id},
                    {"attempt", command.attempt},
                    {"answer", static_cast<int>(command.answer)}});
  }
  return Dump(list);
}

std::optional<std::string> ToJson(const std::optional<saga::Refusal>& refusal) {
  if (!refusal.has_value()) return std::nullopt;
  return Dump({{"step", refusal->step},
               {"command", refusal->command},
               {"outcome", refusal->outcome},
               {"message", refusal->message}});
}

absl::Status FromJson(std::string_view text, std::vector<saga::SentCommand>& commands) {
  const json list = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!list.is_array()) return Unreadable(text);
  commands.clear();
  for (const json& entry : list) {
    const bool sound = entry.is_object() && entry.contains("name") && entry["name"].is_string() &&
                       entry.contains("id") && entry["id"].is_string() &&
                       entry.contains("direction") && entry["direction"].is_number_integer() &&
                       entry.contains("attempt") && entry["attempt"].is_number_integer() &&
                       entry.contains("answer") && entry["answer"].is_number_integer();
    if (!sound) return Unreadable(text);
    saga::SentCommand command;
    command.name = entry["name"].get<std::string>();
    command.direction = static_cast<saga::Direction>(entry["direction"].get<int>());
    command.command_id = entry["id"].get<std::string>();
    command.attempt = entry["attempt"].get<int>();
    command.answer = static_cast<saga::Answer>(entry["answer"].get<int>());
    commands.push_back(std::move(command));
  }
  return absl::OkStatus();
}

absl::Status FromJson(std::string_view text, saga::Refusal& refusal) {
  const json entry = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!entry.is_object()) return Unreadable(text);
  for (auto [name, field] : {std::pair{"step", &refusal.step},
                             {"command", &refusal.command},
                             {"outcome", &refusal.outcome},
                             {"message", &refusal.message}}) {
    if (!entry.contains(name) || !entry[name].is_string()) return Unreadable(text);
    *field = entry[name].get<std::string>();
  }
  return absl::OkStatus();
}

}  // namespace orchestrator
