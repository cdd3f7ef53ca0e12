# Everything that is not ours. CMake's packages first, pkg-config where a package brings no CMake
# files, so that newer versions than Debian's work too.
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(absl CONFIG REQUIRED)
find_package(Protobuf REQUIRED)
find_package(gRPC CONFIG REQUIRED)
find_package(PostgreSQL REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(spdlog CONFIG REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED)
find_package(CLI11 CONFIG REQUIRED)
find_package(nlohmann_json CONFIG REQUIRED)
find_package(GTest REQUIRED)

pkg_check_modules(order_saga_rdkafka REQUIRED IMPORTED_TARGET GLOBAL rdkafka>=2.0)
pkg_check_modules(order_saga_httplib REQUIRED IMPORTED_TARGET GLOBAL cpp-httplib)
if(NOT ORDER_SAGA_SANITIZE)
  pkg_check_modules(order_saga_jemalloc REQUIRED jemalloc)
endif()
add_library(order_saga_rdkafka ALIAS PkgConfig::order_saga_rdkafka)
add_library(order_saga_httplib ALIAS PkgConfig::order_saga_httplib)
# Debian 13's headers call OpenSSL directly, which its pkg-config file does not say.
target_link_libraries(PkgConfig::order_saga_httplib INTERFACE OpenSSL::SSL OpenSSL::Crypto)

# google/rpc/*.proto (ErrorInfo, BadRequest, RetryInfo) are in no Debian package; the PyPI package
# googleapis-common-protos carries them. ./dev installs it.
find_path(GOOGLE_RPC_PROTO_DIR google/rpc/error_details.proto
          HINTS ${CMAKE_SOURCE_DIR}/.venv/lib/python3/site-packages
          DOC "Folder that holds google/rpc/error_details.proto")
if(NOT GOOGLE_RPC_PROTO_DIR)
  file(GLOB found ${CMAKE_SOURCE_DIR}/.venv/lib/python3*/site-packages/google/rpc/error_details.proto)
  if(found)
    list(GET found 0 found)
    cmake_path(GET found PARENT_PATH found)
    cmake_path(GET found PARENT_PATH found)
    cmake_path(GET found PARENT_PATH found)
    set(GOOGLE_RPC_PROTO_DIR ${found} CACHE PATH "Folder that holds google/rpc" FORCE)
  endif()
endif()
if(NOT GOOGLE_RPC_PROTO_DIR)
  message(FATAL_ERROR "google/rpc/error_details.proto not found. Run ./dev build, which fetches it, or "
                      "pip install googleapis-common-protos and pass -DGOOGLE_RPC_PROTO_DIR=its site-packages")
endif()
