#include "outbox-relay/sink/record.h"

#include <algorithm>
#include <chrono>

namespace relay {
namespace {

constexpr std::string_view kContentType = "content-type";

// Names that the relay gives itself: a row's own headers do not speak for them.
bool IsReserved(std::string_view name) {
  return name == "id" || name == "eventType" || name.starts_with("ce_");
}

// `digits` decimal digits of `value`, with leading zeros.
char* Put(char* at, int64_t value, int digits) {
  for (int i = digits - 1; i >= 0; --i) {
    at[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
  return at + digits;
}

}  // namespace

std::string_view FormatTime(int64_t unix_microseconds, std::array<char, 32>& out) {
  using std::chrono::December;
  using std::chrono::January;
  using std::chrono::sys_days;
  using Microseconds = std::chrono::sys_time<std::chrono::microseconds>;
  static constexpr Microseconds kFirst = sys_days(std::chrono::year(1) / January / 1);
  static constexpr Microseconds kLast = sys_days(std::chrono::year(9999) / December / 31) +
                                        std::chrono::hours(24) - std::chrono::microseconds(1);
  const Microseconds time =
      std::clamp(Microseconds(std::chrono::microseconds(unix_microseconds)), kFirst, kLast);
  const sys_days day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  int64_t rest = (time - day).count();
  char* at = Put(out.data(), static_cast<int>(date.year()), 4);
  *at++ = '-';
  at = Put(at, static_cast<unsigned>(date.month()), 2);
  *at++ = '-';
  at = Put(at, static_cast<unsigned>(date.day()), 2);
  *at++ = 'T';
  at = Put(at, rest / 3'600'000'000, 2);
  *at++ = ':';
  at = Put(at, rest / 60'000'000 % 60, 2);
  *at++ = ':';
  at = Put(at, rest / 1'000'000 % 60, 2);
  *at++ = '.';
  at = Put(at, rest % 1'000'000, 6);
  *at++ = 'Z';
  return {out.data(), static_cast<size_t>(at - out.data())};
}

RecordBuilder::RecordBuilder(std::string_view source_name)
    : ce_source_("/" + std::string(source_name)) {}

const Record& RecordBuilder::Build(const Event& event) {
  own_headers_.clear();
  std::string_view content_type = "application/protobuf";
  if (!event.headers_json.empty()) {
    // Postgres guarantees JSON; a value that is no object just has no headers.
    AppendJsonHeaders(event.headers_json, scratch_, own_headers_);
    for (const Header& header : own_headers_) {
      if (header.name == kContentType) content_type = header.value;
    }
  }

  record_.id = event.id;
  record_.type = event.type;
  record_.topic = event.topic;
  record_.key = event.aggregate_id;
  record_.value = event.payload;
  record_.headers.clear();
  const auto add = [this](std::string_view name, std::string_view value) {
    record_.headers.push_back({name, value});
  };
  add("id", event.id);
  add("eventType", event.type);
  add("ce_specversion", "1.0");
  add("ce_id", event.id);
  add("ce_source", ce_source_);
  add("ce_type", event.type);
  add("ce_time", FormatTime(event.created_unix_microseconds, time_));
  if (event.aggregate_id) add("ce_subject", *event.aggregate_id);
  add(kContentType, content_type);
  if (!event.traceparent.empty()) add("traceparent", event.traceparent);
  for (const Header& header : own_headers_) {
    const bool is_ours = IsReserved(header.name) || header.name == kContentType ||
                         (header.name == "traceparent" && !event.traceparent.empty());
    if (!is_ours) record_.headers.push_back(header);
  }
  return record_;
}

}  // namespace relay
