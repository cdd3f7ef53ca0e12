#include "libs/service/redact.h"

#include <algorithm>
#include <cctype>

namespace service {
namespace {

constexpr std::string_view kSecretNames[] = {"password", "passwd", "secret",
                                             "token",    "jaas",   "key.pem"};
constexpr std::string_view kBlot = "***";

bool IsNameCharacter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' || c == '-';
}

bool NamesASecret(std::string_view name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::any_of(
      std::begin(kSecretNames), std::end(kSecretNames),
      [&](std::string_view secret) { return lower.find(secret) != std::string::npos; });
}

// Where a value that begins at `begin` ends: a quoted one behind its closing quote ('\' escapes),
// another at the next separator. In a URI's query that is '&', in a connection string a blank;
// between list elements ',' or ';' — but a comma may well be part of a password, so only a
// separator that a further `name=` follows counts.
std::size_t EndOfValue(std::string_view text, std::size_t begin) {
  if (begin < text.size() && (text[begin] == '\'' || text[begin] == '"')) {
    for (std::size_t i = begin + 1; i < text.size(); ++i) {
      if (text[i] == '\\') {
        ++i;
      } else if (text[i] == text[begin]) {
        return i + 1;
      }
    }
    return text.size();
  }
  for (std::size_t i = begin; i < text.size(); ++i) {
    if (text[i] == '&' || std::isspace(static_cast<unsigned char>(text[i]))) return i;
    if (text[i] == ',' || text[i] == ';') {
      std::size_t name_end = i + 1;
      while (name_end < text.size() && IsNameCharacter(text[name_end])) ++name_end;
      if (name_end > i + 1 && name_end < text.size() && text[name_end] == '=') return i;
    }
    if (text[i] == '\\') ++i;
  }
  return text.size();
}

// `scheme://user:password@host` → `scheme://user:***@host`. The user part ends at the last '@'
// before the next blank, so that a password that holds '@' or '/' unescaped does not leak either.
std::string RedactUserParts(std::string_view text) {
  std::string out;
  while (true) {
    const std::size_t scheme = text.find("://");
    if (scheme == std::string_view::npos) break;
    const std::size_t begin = scheme + 3;
    const std::size_t end = std::min(text.find_first_of(" \t\r\n", begin), text.size());
    std::string_view authority = text.substr(begin, end - begin);
    // The next URI of a list is another one's business.
    if (const std::size_t next = authority.find("://"); next != std::string_view::npos) {
      std::size_t next_begin = next;
      while (next_begin > 0 && IsNameCharacter(authority[next_begin - 1])) --next_begin;
      authority = authority.substr(0, next_begin);
    }
    const std::size_t at = authority.rfind('@');
    const std::size_t colon = authority.find(':');
    out += text.substr(0, begin);
    if (at != std::string_view::npos && colon < at) {
      out += authority.substr(0, colon + 1);
      out += kBlot;
      authority.remove_prefix(at);
    }
    out += authority;
    text.remove_prefix(static_cast<std::size_t>(authority.data() + authority.size() - text.data()));
  }
  out += text;
  return out;
}

}  // namespace

std::string Redact(std::string_view text) {
  const std::string uris = RedactUserParts(text);
  std::string_view rest = uris;
  std::string out;
  for (std::size_t equals = rest.find('='); equals != std::string_view::npos;
       equals = rest.find('=')) {
    std::size_t name_end = equals;
    while (name_end > 0 && rest[name_end - 1] == ' ') --name_end;  // libpq allows "password = x"
    std::size_t name_begin = name_end;
    while (name_begin > 0 && IsNameCharacter(rest[name_begin - 1])) --name_begin;
    std::size_t value = equals + 1;
    if (NamesASecret(rest.substr(name_begin, name_end - name_begin))) {
      while (value < rest.size() && rest[value] == ' ') ++value;
      out += rest.substr(0, value);
      if (value < rest.size()) out += kBlot;
      value = EndOfValue(rest, value);
    } else {
      out += rest.substr(0, value);
    }
    rest.remove_prefix(value);
  }
  out += rest;
  return out;
}

}  // namespace service
