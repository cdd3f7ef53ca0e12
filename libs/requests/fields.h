// What fields of the same kind must be in every request. Each adds what is wrong to `violations`;
// `field` is the field's path.
#ifndef ORDER_SAGA_LIBS_REQUESTS_FIELDS_H_
#define ORDER_SAGA_LIBS_REQUESTS_FIELDS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "libs/service/errors.h"
#include "money/v1/money.pb.h"

namespace requests {

inline constexpr int64_t kMaxMinorUnits = 1'000'000'000'000'000;

// An id that its caller has chosen: 1 or more.
void CheckId(int64_t id, std::string_view field, service::Violations& violations);

// `min` to `max` characters (not bytes), none of them a control character.
void CheckText(std::string_view text, int64_t min, int64_t max, std::string_view field,
               service::Violations& violations);

// A text of 1 to 200 characters.
void CheckName(std::string_view name, std::string_view field, service::Violations& violations);

// A currency code of three capital letters and 0 to kMaxMinorUnits.
void CheckMoney(const money::v1::Money& money, std::string_view field,
                service::Violations& violations);

// Empty or a UUID.
void CheckRequestId(const std::string& request_id, service::Violations& violations);

}  // namespace requests

#endif  // ORDER_SAGA_LIBS_REQUESTS_FIELDS_H_
