# order_saga_library(NAME SRCS … DEPS …): a static library of ours.
function(order_saga_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SRCS;DEPS")
  if(arg_SRCS)
    add_library(${name} STATIC ${arg_SRCS})
    target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
    target_link_libraries(${name} PUBLIC ${arg_DEPS})
    order_saga_warnings(${name})
    order_saga_precompile(${name})
  else()
    add_library(${name} INTERFACE)
    target_include_directories(${name} INTERFACE ${CMAKE_SOURCE_DIR})
    target_link_libraries(${name} INTERFACE ${arg_DEPS})
  endif()
endfunction()

# order_saga_program(NAME SRCS … DEPS …): an executable, placed in the build folder's bin/.
function(order_saga_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SRCS;DEPS")
  add_executable(${name} ${arg_SRCS})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${arg_DEPS})
  target_compile_definitions(${name} PRIVATE ORDER_SAGA_VERSION="${PROJECT_VERSION}")
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
  order_saga_warnings(${name})
endfunction()

# order_saga_test(NAME SRCS … DEPS …): a GoogleTest program. The name's ending says what it needs,
# and becomes the ctest label: _test nothing, _pgtest Postgres, _kafkatest Kafka (and Postgres).
function(order_saga_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SRCS;DEPS")
  if(NOT name MATCHES "_(test|pgtest|kafkatest)$")
    message(FATAL_ERROR "${name}: a test's name ends in _test, _pgtest or _kafkatest")
  endif()
  set(label ${CMAKE_MATCH_1})
  add_executable(${name} ${arg_SRCS})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${arg_DEPS} GTest::gmock GTest::gtest_main)
  order_saga_warnings(${name})
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS ${label} TIMEOUT 300)
endfunction()

# order_saga_sql(NAME SYMBOL Function COMPONENT component FILES 0001_x.sql …): a library with the
# function `const postgres::MigrationSet& postgres::Function()`, the numbered migrations of a
# component just as they stand in the tree. Its users declare the function themselves.
function(order_saga_sql name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "SYMBOL;COMPONENT" "FILES")
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${name}.cc)
  set(files)
  foreach(file IN LISTS arg_FILES)
    list(APPEND files ${CMAKE_CURRENT_SOURCE_DIR}/${file})
  endforeach()
  add_custom_command(
    OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DOUT=${out} -DSYMBOL=${arg_SYMBOL} -DCOMPONENT=${arg_COMPONENT}
            "-DFILES=${files}" -P ${CMAKE_SOURCE_DIR}/cmake/embed_sql.cmake
    DEPENDS ${files} ${CMAKE_SOURCE_DIR}/cmake/embed_sql.cmake
    VERBATIM)
  add_library(${name} STATIC ${out})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PUBLIC order_saga_postgres)
  order_saga_precompile(${name})
endfunction()
