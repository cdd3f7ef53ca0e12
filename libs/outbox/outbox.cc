#include "libs/outbox/outbox.h"

#include "absl/strings/str_cat.h"
#include "libs/postgres/sql_error.h"

namespace outbox {
namespace {

// A JSON string (RFC 8259, section 7): quotes, backslashes and control characters are escaped.
void AppendJsonString(std::string& out, const std::string& text) {
  static constexpr char kHex[] = "0123456789abcdef";
  out.push_back('"');
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (byte < 0x20) {
      absl::StrAppend(&out, "\\u00", std::string(1, kHex[byte >> 4]),
                      std::string(1, kHex[byte & 15]));
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

std::optional<std::string> HeadersAsJson(
    const std::vector<std::pair<std::string, std::string>>& headers) {
  if (headers.empty()) return std::nullopt;
  std::string out = "{";
  for (const auto& [name, value] : headers) {
    if (out.size() > 1) out.push_back(',');
    AppendJsonString(out, name);
    out.push_back(':');
    AppendJsonString(out, value);
  }
  out.push_back('}');
  return out;
}

// unnest keeps the arrays' order, and so do the rows' numbers (seq).
constexpr char kInsert[] = R"sql(
  INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, topic, traceparent, headers)
  SELECT id, aggregatetype, aggregateid, type, payload, topic, traceparent, headers::jsonb
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::text[],
                $7::text[], $8::text[])
      AS e (id, aggregatetype, aggregateid, type, payload, topic, traceparent, headers)
)sql";

// The names of the relay's own headers, two ids, the time, the source's name and the framing.
constexpr size_t kRecordOverhead = 512;

absl::Status CheckSize(const Event& event) {
  const size_t bytes = RecordBytes(event);
  if (bytes <= kMaxEventBytes) return absl::OkStatus();
  return postgres::DataFault(
      absl::StrCat("an event of type ", event.type, " for topic ", event.topic, " has ", bytes,
                   " bytes, and Kafka takes ", kMaxEventBytes,
                   ". Fix: send less, or store the contents elsewhere and send where they are"));
}

}  // namespace

size_t RecordBytes(const Event& event) {
  // The key and the type come twice: as ce_subject and ce_type too.
  size_t bytes = kRecordOverhead + 2 * event.aggregateid.size() + 2 * event.type.size();
  if (event.payload) bytes += event.payload->size();
  if (event.traceparent) bytes += event.traceparent->size();
  for (const auto& [name, value] : event.headers) bytes += name.size() + value.size() + 8;
  return bytes;
}

uuid::Uuid Outbox::Add(Event event) {
  const uuid::Uuid id = uuid::NewV7();
  pending_.emplace_back(id, std::move(event));
  return id;
}

absl::Status Outbox::Flush(postgres::Transaction& transaction) {
  if (pending_.empty()) return absl::OkStatus();
  for (const auto& [id, event] : pending_) {
    if (absl::Status fits = CheckSize(event); !fits.ok()) return fits;
  }
  std::vector<uuid::Uuid> ids;
  std::vector<std::string> aggregatetypes, aggregateids, types, topics;
  std::vector<std::optional<std::string>> payloads, traceparents, headers;
  for (auto& [id, event] : pending_) {
    ids.push_back(id);
    aggregatetypes.push_back(std::move(event.aggregatetype));
    aggregateids.push_back(std::move(event.aggregateid));
    types.push_back(std::move(event.type));
    payloads.push_back(std::move(event.payload));
    topics.push_back(std::move(event.topic));
    traceparents.push_back(std::move(event.traceparent));
    headers.push_back(HeadersAsJson(event.headers));
  }
  pending_.clear();
  return transaction
      .Execute(kInsert, postgres::Params()
                            .Ids(ids)
                            .Texts(aggregatetypes)
                            .Texts(aggregateids)
                            .Texts(types)
                            .NullableBytes(payloads)
                            .Texts(topics)
                            .NullableTexts(traceparents)
                            .NullableTexts(headers))
      .status();
}

}  // namespace outbox
