#include "outbox-relay/sink/json_headers.h"

#include <cstdint>
#include <optional>

namespace relay {
namespace {

// A JSON library would build a tree for each event; this reads the one shape there is, in place.
class Scanner {
 public:
  Scanner(std::string_view json, std::string& scratch) : in_(json), scratch_(scratch) {}

  void SkipSpace() {
    while (!in_.empty() &&
           std::string_view(" \t\r\n").find(in_.front()) != std::string_view::npos) {
      in_.remove_prefix(1);
    }
  }

  bool Take(char expected) {
    SkipSpace();
    if (in_.empty() || in_.front() != expected) return false;
    in_.remove_prefix(1);
    return true;
  }

  bool AtEnd() {
    SkipSpace();
    return in_.empty();
  }

  bool AtText() {
    SkipSpace();
    return !in_.empty() && in_.front() == '"';
  }

  // A text with its escapes resolved; nothing if it does not end.
  std::optional<std::string_view> Text() {
    if (!Take('"')) return std::nullopt;
    const size_t end = in_.find_first_of("\"\\");
    if (end == std::string_view::npos) return std::nullopt;
    if (in_[end] == '"') {  // no escape: the usual case
      const std::string_view text = in_.substr(0, end);
      in_.remove_prefix(end + 1);
      return text;
    }
    return EscapedText();
  }

  // Any value as it stands.
  std::optional<std::string_view> Raw() {
    SkipSpace();
    const std::string_view start = in_;
    int depth = 0;
    while (!in_.empty()) {
      const char c = in_.front();
      if (depth == 0 && (c == ',' || c == '}' || c == ' ')) break;
      if (c == '"') {
        if (!SkipText()) return std::nullopt;
        continue;
      }
      if (c == '{' || c == '[') ++depth;
      if (c == '}' || c == ']') --depth;
      in_.remove_prefix(1);
    }
    const std::string_view raw = start.substr(0, start.size() - in_.size());
    if (depth != 0 || raw.empty()) return std::nullopt;
    return raw;
  }

 private:
  bool SkipText() {
    in_.remove_prefix(1);
    while (!in_.empty()) {
      const char c = in_.front();
      in_.remove_prefix(c == '\\' && in_.size() > 1 ? 2 : 1);
      if (c == '"') return true;
    }
    return false;
  }

  std::optional<std::string_view> EscapedText() {
    const size_t start = scratch_.size();
    while (!in_.empty()) {
      const char c = in_.front();
      in_.remove_prefix(1);
      if (c == '"') return std::string_view(scratch_).substr(start);
      if (c != '\\') {
        scratch_.push_back(c);
      } else if (!Escape()) {
        return std::nullopt;
      }
    }
    return std::nullopt;
  }

  bool Escape() {
    if (in_.empty()) return false;
    const char c = in_.front();
    in_.remove_prefix(1);
    switch (c) {
      case 'b':
        scratch_.push_back('\b');
        return true;
      case 'f':
        scratch_.push_back('\f');
        return true;
      case 'n':
        scratch_.push_back('\n');
        return true;
      case 'r':
        scratch_.push_back('\r');
        return true;
      case 't':
        scratch_.push_back('\t');
        return true;
      case 'u':
        return Unicode();
      default:
        scratch_.push_back(c);
        return true;  // " \ /
    }
  }

  std::optional<uint32_t> FourHexDigits() {
    if (in_.size() < 4) return std::nullopt;
    uint32_t value = 0;
    for (char c : in_.substr(0, 4)) {
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) return std::nullopt;
      value = value << 4 | static_cast<uint32_t>(digit);
    }
    in_.remove_prefix(4);
    return value;
  }

  bool Unicode() {
    std::optional<uint32_t> code = FourHexDigits();
    if (!code) return false;
    if (*code >= 0xD800 && *code < 0xDC00 && in_.substr(0, 2) == "\\u") {
      in_.remove_prefix(2);
      const std::optional<uint32_t> low = FourHexDigits();
      if (!low || *low < 0xDC00 || *low > 0xDFFF) return false;
      code = 0x10000 + ((*code - 0xD800) << 10 | (*low - 0xDC00));
    }
    const auto put = [this](uint32_t byte) { scratch_.push_back(static_cast<char>(byte)); };
    if (*code < 0x80) {
      put(*code);
    } else if (*code < 0x800) {
      put(0xC0 | *code >> 6);
      put(0x80 | (*code & 0x3F));
    } else if (*code < 0x10000) {
      put(0xE0 | *code >> 12);
      put(0x80 | (*code >> 6 & 0x3F));
      put(0x80 | (*code & 0x3F));
    } else {
      put(0xF0 | *code >> 18);
      put(0x80 | (*code >> 12 & 0x3F));
      put(0x80 | (*code >> 6 & 0x3F));
      put(0x80 | (*code & 0x3F));
    }
    return true;
  }

  std::string_view in_;
  std::string& scratch_;
};

}  // namespace

bool AppendJsonHeaders(std::string_view json, std::string& scratch, std::vector<Header>& headers) {
  scratch.clear();
  // Unescaping only shortens, so views into scratch stay where they are.
  scratch.reserve(json.size());
  Scanner in(json, scratch);
  if (!in.Take('{')) return false;
  if (in.Take('}')) return in.AtEnd();
  do {
    const std::optional<std::string_view> name = in.Text();
    if (!name || !in.Take(':')) return false;
    const bool is_text = in.AtText();
    const std::optional<std::string_view> value = is_text ? in.Text() : in.Raw();
    if (!value) return false;
    if (is_text || *value != "null") headers.push_back({*name, *value});
  } while (in.Take(','));
  return in.Take('}') && in.AtEnd();
}

}  // namespace relay
