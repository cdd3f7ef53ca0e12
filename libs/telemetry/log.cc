#include "libs/telemetry/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <charconv>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "libs/telemetry/utf8.h"

namespace telemetry {
namespace internal {

std::atomic<Level> log_level{Level::kInfo};

}  // namespace internal

namespace {

constexpr std::string_view kLevelNames[] = {"debug", "info", "warn", "error", "off"};

// spdlog writes the time, locks and flushes; the rest of the line is ours.
struct Backend {
  LogOptions options;
  std::unique_ptr<spdlog::logger> logger;
};

Backend* MakeBackend(const LogOptions& options) {
  auto sink = std::make_shared<spdlog::sinks::stdout_sink_base<spdlog::details::console_mutex>>(
      options.stream);
  auto logger = std::make_unique<spdlog::logger>("order-saga", std::move(sink));
  logger->set_level(spdlog::level::trace);
  logger->set_pattern(options.format == Format::kJson ? R"({"ts":"%Y-%m-%dT%H:%M:%S.%fZ",%v})"
                                                      : "%Y-%m-%dT%H:%M:%S.%eZ %v",
                      spdlog::pattern_time_type::utc);
  // A full disk or a closed pipe must not end the program; there is nowhere to report it.
  logger->set_error_handler([](const std::string&) {});
  return new Backend{options, std::move(logger)};
}

// Never freed: another thread may be writing a line with the backend that InitLogging replaces. A
// list keeps them, so that leak checkers see that it is meant.
Backend* KeepForEver(Backend* backend) {
  static std::mutex mutex;
  static auto& kept = *new std::vector<Backend*>;
  const std::lock_guard lock(mutex);
  kept.push_back(backend);
  return backend;
}

std::atomic<Backend*>& CurrentBackend() {
  static std::atomic<Backend*> current{KeepForEver(MakeBackend(LogOptions{}))};
  return current;
}

void AppendJson(std::string& out, std::string_view text) {
  out += '"';
  AppendJsonEscaped(out, text);
  out += '"';
}

void AppendText(std::string& out, std::string_view text) {
  const bool plain = !text.empty() && text.find_first_of(" \"=\\") == std::string_view::npos;
  if (!plain) out += '"';
  AppendJsonEscaped(out, text, /*escape_quotes=*/!plain);
  if (!plain) out += '"';
}

template <typename Number>
void AppendNumber(std::string& out, Number number) {
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, number);
  out.append(digits, end.ptr);
}

void AppendDouble(std::string& out, double number) {
  // JSON has no NaN and no infinity.
  if (number != number || number > 1.7976931348623157e308 || number < -1.7976931348623157e308) {
    out += "null";
  } else {
    AppendNumber(out, number);
  }
}

void AppendValue(std::string& out, const Field::Value& value, Format format) {
  if (const auto* text = std::get_if<std::string_view>(&value)) {
    format == Format::kJson ? AppendJson(out, *text) : AppendText(out, *text);
  } else if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    AppendNumber(out, *integer);
  } else if (const auto* natural = std::get_if<std::uint64_t>(&value)) {
    AppendNumber(out, *natural);
  } else if (const auto* real = std::get_if<double>(&value)) {
    AppendDouble(out, *real);
  } else {
    out += std::get<bool>(value) ? "true" : "false";
  }
}

std::string JsonLine(const LogOptions& options, Level level, std::string_view message,
                     std::span<const Field> fields) {
  std::string line = "\"level\":\"";
  line += kLevelNames[static_cast<int>(level)];
  line += "\",\"msg\":";
  AppendJson(line, message);
  if (!options.program.empty()) {
    line += ",\"program\":";
    AppendJson(line, options.program);
  }
  for (const Field& field : fields) {
    line += ',';
    AppendJson(line, field.key);
    line += ':';
    AppendValue(line, field.value, Format::kJson);
  }
  return line;
}

std::string TextLine(const LogOptions& options, Level level, std::string_view message,
                     std::span<const Field> fields) {
  constexpr std::string_view kPadded[] = {"DEBUG ", "INFO  ", "WARN  ", "ERROR ", ""};
  std::string line(kPadded[static_cast<int>(level)]);
  if (!options.program.empty()) line += options.program + ": ";
  AppendJsonEscaped(line, message, /*escape_quotes=*/false);
  for (const Field& field : fields) {
    line += ' ';
    AppendJsonEscaped(line, field.key);
    line += '=';
    AppendValue(line, field.value, Format::kText);
  }
  return line;
}

}  // namespace

std::optional<Level> ParseLevel(std::string_view text) {
  for (int i = 0; i <= static_cast<int>(Level::kOff); ++i) {
    if (text == kLevelNames[i]) return static_cast<Level>(i);
  }
  return std::nullopt;
}

std::optional<Format> ParseFormat(std::string_view text) {
  if (text == "json") return Format::kJson;
  if (text == "text") return Format::kText;
  return std::nullopt;
}

void InitLogging(const LogOptions& options) {
  CurrentBackend().store(KeepForEver(MakeBackend(options)), std::memory_order_release);
  internal::log_level.store(options.level, std::memory_order_relaxed);
}

void Log(Level level, std::string_view message, std::span<const Field> fields) {
  const Backend& backend = *CurrentBackend().load(std::memory_order_acquire);
  const std::string line = backend.options.format == Format::kJson
                               ? JsonLine(backend.options, level, message, fields)
                               : TextLine(backend.options, level, message, fields);
  backend.logger->log(spdlog::level::info, spdlog::string_view_t(line));
}

}  // namespace telemetry
