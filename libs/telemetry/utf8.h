// Texts from anywhere, made safe for one line of JSON.
#ifndef ORDER_SAGA_LIBS_TELEMETRY_UTF8_H_
#define ORDER_SAGA_LIBS_TELEMETRY_UTF8_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace telemetry {

// Length of the valid UTF-8 character (1 to 4 bytes) at the start of a text that is not empty; 0 if
// there is none: a stray or missing continuation byte, an overlong form, a surrogate, a code point
// above U+10FFFF.
std::size_t Utf8CharacterLength(std::string_view text);

// Appends the text with control characters escaped as in JSON and each byte that is not UTF-8
// replaced by U+FFFD. With escape_quotes also '"' and '\'.
void AppendJsonEscaped(std::string& out, std::string_view text, bool escape_quotes = true);

}  // namespace telemetry

#endif  // ORDER_SAGA_LIBS_TELEMETRY_UTF8_H_
