// The outbox's `headers` column: one flat JSON object, as Postgres prints it.
#ifndef ORDER_SAGA_OUTBOX_RELAY_SINK_JSON_HEADERS_H_
#define ORDER_SAGA_OUTBOX_RELAY_SINK_JSON_HEADERS_H_

#include <string>
#include <string_view>
#include <vector>

namespace relay {

struct Header {
  std::string_view name;
  std::string_view value;
};

// Appends the object's entries to `headers`. A text is unescaped into `scratch` if need be;
// numbers, booleans and nested values keep their JSON text; an entry that is null is left out. The
// views point into `json` and `scratch`, which is cleared first. False, with what was read so far
// appended, if it is no JSON object.
bool AppendJsonHeaders(std::string_view json, std::string& scratch, std::vector<Header>& headers);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_SINK_JSON_HEADERS_H_
