// Structured logs: one line for each event, as JSON for machines or as text for people.
//
//   telemetry::Info("order created", {{"order_id", id}, {"tx_id", tx_id}});
//
// Messages are constant texts in lower case; what varies goes into fields, so that lines can be
// searched and counted. Field names are snake_case and the same everywhere: order_id, tx_id,
// trace_id, topic, partition, offset, error. No secrets: see service/redact.h. A line about one
// order has its trace_id (traceparent.h).
//
// Thread safe. A line below the level costs one relaxed load.
#ifndef ORDER_SAGA_LIBS_TELEMETRY_LOG_H_
#define ORDER_SAGA_LIBS_TELEMETRY_LOG_H_

#include <atomic>
#include <concepts>
#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace telemetry {

enum class Level { kDebug = 0, kInfo = 1, kWarn = 2, kError = 3, kOff = 4 };
enum class Format { kText, kJson };

// "debug", "info", "warn", "error", "off"; nothing for any other text.
std::optional<Level> ParseLevel(std::string_view text);
// "json", "text".
std::optional<Format> ParseFormat(std::string_view text);

// A name and a value. Views: both must live until the call that takes the field returns.
struct Field {
  using Value = std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool>;

  Field(std::string_view key, std::string_view value) : key(key), value(value) {}
  Field(std::string_view key, const std::string& value)
      : key(key), value(std::string_view(value)) {}
  Field(std::string_view key, const char* value) : key(key), value(std::string_view(value)) {}
  Field(std::string_view key, bool value) : key(key), value(value) {}
  template <std::signed_integral T>
  Field(std::string_view key, T value) : key(key), value(static_cast<std::int64_t>(value)) {}
  template <std::unsigned_integral T>
  requires(!std::same_as<T, bool>) Field(std::string_view key, T value)
      : key(key), value(static_cast<std::uint64_t>(value)) {}
  template <std::floating_point T>
  Field(std::string_view key, T value) : key(key), value(static_cast<double>(value)) {}

  std::string_view key;
  Value value;
};

struct LogOptions {
  Level level = Level::kInfo;
  Format format = Format::kText;
  // Stands in each line. Empty: left out.
  std::string program;
  // Not owned; must outlive the last line.
  std::FILE* stream = stderr;
};

// May be called again; before the first call lines go to stderr as text, from kInfo on.
void InitLogging(const LogOptions& options);

// Writes one line. Bytes that are not UTF-8 become U+FFFD; nothing throws.
void Log(Level level, std::string_view message, std::span<const Field> fields);

namespace internal {
extern std::atomic<Level> log_level;
}  // namespace internal

// True if a line of this level is written; for callers whose fields are costly to make.
inline bool LogEnabled(Level level) {
  return level >= internal::log_level.load(std::memory_order_relaxed);
}

inline void Log(Level level, std::string_view message, std::initializer_list<Field> fields = {}) {
  if (LogEnabled(level)) Log(level, message, std::span<const Field>(fields.begin(), fields.size()));
}
inline void Debug(std::string_view message, std::initializer_list<Field> fields = {}) {
  Log(Level::kDebug, message, fields);
}
inline void Info(std::string_view message, std::initializer_list<Field> fields = {}) {
  Log(Level::kInfo, message, fields);
}
inline void Warn(std::string_view message, std::initializer_list<Field> fields = {}) {
  Log(Level::kWarn, message, fields);
}
inline void Error(std::string_view message, std::initializer_list<Field> fields = {}) {
  Log(Level::kError, message, fields);
}

}  // namespace telemetry

#endif  // ORDER_SAGA_LIBS_TELEMETRY_LOG_H_
