#include "outbox-relay/history/watermark.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

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

// No source's name has a colon.
std::string WatermarkKey(std::string_view source) {
  return absl::StrCat(std::string(source), ":watermark");
}

std::string Encode(const Watermark& watermark) {
  const json out = {{"version", kVersion},
                    {"slot", watermark.slot},
                    {"generation", watermark.generation},
                    {"system_id", watermark.system_id},
                    {"timeline", watermark.timeline},
                    {"capture", watermark.capture},
                    {"whole", ToString(watermark.whole)},
                    {"open_commit", ToString(watermark.open_commit)},
                    {"open_ordinal", watermark.open_ordinal},
                    {"released", watermark.released}};
  return out.dump(-1, ' ', /*ensure_ascii=*/false, json::error_handler_t::replace);
}

absl::StatusOr<Watermark> DecodeWatermark(std::string_view text) {
  // The library's exceptions end here.
  try {
    const json in = json::parse(text);
    if (const int version = in.at("version").get<int>(); version > kVersion) {
      return absl::InvalidArgumentError(absl::StrCat("the exactly-once watermark has version ",
                                                     version, ", this program knows ", kVersion,
                                                     ". Fix: run the newer program"));
    }
    Watermark watermark;
    watermark.slot = in.at("slot").get<std::string>();
    watermark.generation = in.at("generation").get<int64_t>();
    watermark.system_id = in.at("system_id").get<std::string>();
    watermark.timeline = in.at("timeline").get<uint32_t>();
    watermark.capture = in.at("capture").get<std::string>();
    watermark.whole = LsnOf(in.at("whole"));
    watermark.open_commit = LsnOf(in.at("open_commit"));
    watermark.open_ordinal = in.at("open_ordinal").get<int64_t>();
    watermark.released = in.at("released").get<std::vector<std::string>>();
    return watermark;
  } catch (const std::exception& error) {
    return absl::InvalidArgumentError(
        absl::StrCat("the exactly-once watermark cannot be read: ", error.what()));
  }
}

bool IsOfSameHistory(const Watermark& was, const Watermark& now) {
  return was.slot == now.slot && was.generation == now.generation &&
         was.system_id == now.system_id && was.timeline == now.timeline;
}

absl::StatusOr<Watermark> Resume(const Watermark& was, Watermark now, Lsn flushed) {
  // Ids are the same in every history.
  now.released = was.released;
  if (!IsOfSameHistory(was, now)) return now;
  if (std::max(was.whole, was.open_commit) > flushed) {
    return absl::DataLossError(absl::StrCat(
        "Postgres has lost writes: Kafka has events up to ", ToString(was.whole),
        " of a log that now ends at ", ToString(flushed),
        " (fsync off, a disk that lies, or an older copy of the data folder). Going on would skip "
        "new events in silence. Fix: bring the right server back, or drop the slot and start the "
        "relay with --heal=table"));
  }
  now.whole = was.whole;
  if (was.capture == now.capture) {
    now.open_commit = was.open_commit;
    now.open_ordinal = was.open_ordinal;
  }
  return now;
}

}  // namespace relay
