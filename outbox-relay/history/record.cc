#include "outbox-relay/history/record.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

namespace relay {
namespace {

using nlohmann::json;

constexpr int kVersion = 1;

Lsn LsnOf(const json& value) {
  absl::StatusOr<Lsn> lsn = ParseLsn(value.get<std::string>());
  if (!lsn.ok()) throw std::invalid_argument(std::string(lsn.status().message()));
  return *lsn;
}

}  // namespace

std::string Encode(const HistoryRecord& record) {
  json out = {{"version", kVersion},
              {"source", record.source},
              {"slot", record.slot},
              {"generation", record.generation},
              {"system_id", record.system_id},
              {"timeline", record.timeline},
              {"confirmed", ToString(record.confirmed)},
              {"snapshot", record.snapshot},
              {"snapshot_at", ToString(record.snapshot_at)},
              {"published_up_to_seq", record.published_up_to_seq}};
  json& offsets = out["offsets"] = json::object();
  for (const auto& [topic, partitions] : record.offsets) {
    json& of_topic = offsets[topic] = json::object();
    for (const auto& [partition, behind] : partitions) of_topic[std::to_string(partition)] = behind;
  }
  json& samples = out["samples"] = json::array();
  for (const auto& [snapshot, at] : record.samples) {
    samples.push_back({snapshot, ToString(at)});
  }
  return out.dump(-1, ' ', /*ensure_ascii=*/false, json::error_handler_t::replace);
}

absl::StatusOr<HistoryRecord> DecodeRecord(std::string_view text) {
  // The library's exceptions end here.
  try {
    const json in = json::parse(text);
    if (const int version = in.at("version").get<int>(); version > kVersion) {
      return absl::InvalidArgumentError(
          absl::StrCat("the record of the relay's position has version ", version,
                       ", this program knows ", kVersion, ". Fix: run the newer program"));
    }
    HistoryRecord record;
    record.source = in.at("source").get<std::string>();
    record.slot = in.at("slot").get<std::string>();
    record.generation = in.at("generation").get<int64_t>();
    record.system_id = in.at("system_id").get<std::string>();
    record.timeline = in.at("timeline").get<uint32_t>();
    record.confirmed = LsnOf(in.at("confirmed"));
    record.snapshot = in.at("snapshot").get<std::string>();
    record.snapshot_at = LsnOf(in.at("snapshot_at"));
    record.published_up_to_seq = in.at("published_up_to_seq").get<int64_t>();
    for (const auto& [topic, partitions] : in.at("offsets").items()) {
      for (const auto& [partition, behind] : partitions.items()) {
        record.offsets[topic][std::stoi(partition)] = behind.get<int64_t>();
      }
    }
    for (const json& sample : in.at("samples")) {
      record.samples.emplace_back(sample.at(0).get<std::string>(), LsnOf(sample.at(1)));
    }
    return record;
  } catch (const std::exception& error) {
    return absl::InvalidArgumentError(
        absl::StrCat("the record of the relay's position cannot be read: ", error.what()));
  }
}

}  // namespace relay
