// Names and texts in SQL that cannot have parameters.
#ifndef ORDER_SAGA_LIBS_POSTGRES_QUOTE_H_
#define ORDER_SAGA_LIBS_POSTGRES_QUOTE_H_

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace postgres {

// `name` as an identifier, in double quotes. PostgreSQL docs, "Identifiers and Key Words".
inline std::string QuoteIdentifier(const std::string& name) {
  return absl::StrCat("\"", absl::StrReplaceAll(name, {{"\"", "\"\""}}), "\"");
}

// `text` as a literal that means the same whatever standard_conforming_strings is set to.
// PostgreSQL docs, "String Constants".
inline std::string QuoteLiteral(const std::string& text) {
  const bool has_backslash = text.find('\\') != std::string::npos;
  return absl::StrCat(has_backslash ? " E'" : "'",
                      absl::StrReplaceAll(text, {{"'", "''"}, {"\\", "\\\\"}}), "'");
}

}  // namespace postgres

#endif  // ORDER_SAGA_LIBS_POSTGRES_QUOTE_H_
