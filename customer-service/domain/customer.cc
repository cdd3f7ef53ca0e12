#include "customer-service/domain/customer.h"

namespace customer {

int64_t FreeCredit(const Customer& customer) {
  return customer.credit_limit_minor - customer.held_minor - customer.charged_minor;
}

}  // namespace customer
