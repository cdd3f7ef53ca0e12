// The JSON of what is kept of a source: Encode and Decode of record.h and watermark.h.
#include <functional>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "outbox-relay/history/record.h"
#include "outbox-relay/history/watermark.h"

namespace relay {
namespace {

using nlohmann::json;

constexpr int kVersion = 1;

// Gives what was parsed to `read`, which throws as the library does; `what` says what it is.
absl::Status ReadVersioned(std::string_view text, const char* what,
                           const std::function<void(const json&)>& read) {
  // The library's exceptions end here.
  try {
    const json in = json::parse(text);
    if (const int has = in.at("version").get<int>(); has > kVersion) {
      return absl::InvalidArgumentError(absl::StrCat(what, " has version ", has,
                                                     ", this program knows ", kVersion,
                                                     ". Fix: run the newer program"));
    }
    read(in);
    return absl::OkStatus();
  } catch (const std::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat(what, " cannot be read: ", error.what()));
  }
}

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
              {"publication", record.publication},
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
  HistoryRecord record;
  absl::Status read =
      ReadVersioned(text, "the record of the relay's position", [&](const json& in) {
        record.source = in.at("source").get<std::string>();
        record.slot = in.at("slot").get<std::string>();
        record.generation = in.at("generation").get<int64_t>();
        record.system_id = in.at("system_id").get<std::string>();
        record.timeline = in.at("timeline").get<uint32_t>();
        record.confirmed = LsnOf(in.at("confirmed"));
        record.publication = in.value("publication", "");  // since 0.1's state of November 2026
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
      });
  if (!read.ok()) return read;
  return record;
}

std::string Encode(const Watermark& watermark) {
  const json out = {{"version", kVersion},
                    {"slot", watermark.slot},
                    {"generation", watermark.generation},
                    {"system_id", watermark.system_id},
                    {"timeline", watermark.timeline},
                    {"capture", watermark.publication_fingerprint},
                    {"whole", ToString(watermark.whole)},
                    {"open_commit", ToString(watermark.open_commit)},
                    {"open_ordinal", watermark.open_ordinal},
                    {"released", watermark.released}};
  return out.dump(-1, ' ', /*ensure_ascii=*/false, json::error_handler_t::replace);
}

absl::StatusOr<Watermark> DecodeWatermark(std::string_view text) {
  Watermark watermark;
  absl::Status read = ReadVersioned(text, "the exactly-once watermark", [&](const json& in) {
    watermark.slot = in.at("slot").get<std::string>();
    watermark.generation = in.at("generation").get<int64_t>();
    watermark.system_id = in.at("system_id").get<std::string>();
    watermark.timeline = in.at("timeline").get<uint32_t>();
    watermark.publication_fingerprint = in.at("capture").get<std::string>();
    watermark.whole = LsnOf(in.at("whole"));
    watermark.open_commit = LsnOf(in.at("open_commit"));
    watermark.open_ordinal = in.at("open_ordinal").get<int64_t>();
    watermark.released = in.at("released").get<std::vector<std::string>>();
  });
  if (!read.ok()) return read;
  return watermark;
}

}  // namespace relay
