// Lists that come in pages (AIP-158): page_size, page_token, next_page_token. A page begins after
// the key of the last row of the page before, so that rows which come and go move nothing.
#ifndef ORDER_SAGA_LIBS_REQUESTS_PAGE_H_
#define ORDER_SAGA_LIBS_REQUESTS_PAGE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "libs/service/errors.h"
#include "libs/uuid/uuid.h"

namespace requests {

struct Page {
  int limit = 0;      // rows
  std::string after;  // the key of the last row before it; empty for the first page
};

// Of a request's page_size (0: 50; at most 500) and page_token. `list` names the list and its
// filters: "reservations RESERVED"; another list's token is a violation.
Page PageOf(std::string_view list, int32_t page_size, const std::string& page_token,
            service::Violations& violations);

// The key as what it is; `first` on the first page. A key that is none is a violation.
int64_t NumberAfter(const Page& page, int64_t first, service::Violations& violations);
uuid::Uuid IdAfter(const Page& page, const uuid::Uuid& first, service::Violations& violations);

// The next_page_token after a page's last row. Opaque; no secret, and not to be trusted.
std::string TokenAfter(std::string_view list, std::string_view key);

// Greater than every id that anybody makes: where lists of the newest first begin.
uuid::Uuid GreatestId();

}  // namespace requests

#endif  // ORDER_SAGA_LIBS_REQUESTS_PAGE_H_
