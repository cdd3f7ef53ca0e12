# What nearly every file of ours includes, and what is most of the work of compiling it, is compiled
# once before: a file then takes half the time. Only headers that are not ours, so that a change of
# ours compiles what includes it and nothing else. The preset release goes without: it notices if a
# file does not include what it uses.
option(ORDER_SAGA_PRECOMPILE "Precompile the headers that most files include" OFF)

set(ORDER_SAGA_PRECOMPILED
    <algorithm> <chrono> <condition_variable> <cstdint> <functional> <map> <memory> <mutex> <optional>
    <set> <span> <stop_token> <string> <string_view> <thread> <utility> <variant> <vector>
    <absl/container/flat_hash_map.h> <absl/status/statusor.h> <absl/strings/str_cat.h>
    <absl/strings/str_join.h> <absl/time/time.h> <google/protobuf/message.h>
    <google/protobuf/timestamp.pb.h>)

if(ORDER_SAGA_PRECOMPILE)
  file(WRITE ${CMAKE_BINARY_DIR}/precompiled.cc "")
  add_library(order_saga_precompiled OBJECT ${CMAKE_BINARY_DIR}/precompiled.cc)
  target_compile_options(order_saga_precompiled PRIVATE -pthread)
  target_precompile_headers(order_saga_precompiled PRIVATE ${ORDER_SAGA_PRECOMPILED})
endif()

# order_saga_precompile(TARGET): for libraries. Executables, and so tests, are compiled with other
# options (-fPIE), which these headers do not fit.
function(order_saga_precompile target)
  if(ORDER_SAGA_PRECOMPILE)
    # -pthread, which else not every library is compiled with, has to be the same. ccache wants
    # -fpch-preprocess (and CCACHE_SLOPPINESS, see devtools/builds.py). Headers that fit no more,
    # after an update of the compiler, cost time but are no error.
    target_compile_options(${target} PRIVATE -pthread -fpch-preprocess -Wno-error=invalid-pch)
    target_precompile_headers(${target} REUSE_FROM order_saga_precompiled)
  endif()
endfunction()
