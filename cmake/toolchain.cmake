# The compiler, its warnings and its hardening.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()

find_program(ORDER_SAGA_CCACHE ccache)
if(ORDER_SAGA_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${ORDER_SAGA_CCACHE})
endif()

find_program(ORDER_SAGA_MOLD mold)
if(ORDER_SAGA_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# Libraries that a program names but does not use would still be loaded at its start.
add_link_options(-Wl,--as-needed -Wl,-z,relro,-z,now)
add_compile_options(-fstack-protector-strong -fstack-clash-protection -fcf-protection)
add_compile_definitions(_GLIBCXX_ASSERTIONS)

if(ORDER_SAGA_SANITIZE)
  add_compile_options(-fsanitize=${ORDER_SAGA_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${ORDER_SAGA_SANITIZE})
else()
  add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
endif()

# For our own code only: generated code is not ours to mend.
function(order_saga_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wno-missing-field-initializers)
  if(ORDER_SAGA_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
endfunction()
