// The verb `healthcheck`, for engines that run a command in the container to see how it is.
#ifndef ORDER_SAGA_LIBS_SERVICE_HEALTHCHECK_H_
#define ORDER_SAGA_LIBS_SERVICE_HEALTHCHECK_H_

#include <string>

#include "libs/service/flags.h"

namespace service {

inline constexpr char kHealthcheckSummary[] =
    "Asks the program that runs here whether it is ready; exit code 1 if it is not. For engines "
    "that look into a container, as Docker does.";

// `http_address` is what `run` has by default: the same flag and variable say where to ask.
void AddHealthcheckFlags(Verb& verb, std::string* http_address);

// Writes what /readyz says. Answers the exit code: 0 ready, 1 not.
int Healthcheck(const std::string& http_address);

}  // namespace service

#endif  // ORDER_SAGA_LIBS_SERVICE_HEALTHCHECK_H_
