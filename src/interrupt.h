// A poll for the core that looks for the user's interrupt at most every 50 ms and leaves by a C++
// exception, so that destructors run before R takes over.
#pragma once

#include <Rcpp.h>

#include <chrono>

#include "core/model/specification.h"

inline void check_interrupt_in_r(void*) { R_CheckUserInterrupt(); }

inline tiers::Poll interrupt_poll() {
  using clock = std::chrono::steady_clock;
  auto last = clock::now();
  return [last]() mutable {
    const auto now = clock::now();
    if (now - last < std::chrono::milliseconds(50)) return;
    last = now;
    if (R_ToplevelExec(check_interrupt_in_r, nullptr) == FALSE)
      throw Rcpp::internal::InterruptedException();
  };
}
