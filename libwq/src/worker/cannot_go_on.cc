#include "worker/cannot_go_on.h"

#include <new>

#include <fmt/format.h>

#include <wq/worker.h>

namespace wq::internal {
namespace {

std::exception_ptr failed(std::string_view who, std::string_view why) {
  return std::make_exception_ptr(
      CannotGoOn(fmt::format("{} failed: {}; held items are released", who, why)));
}

}  // namespace

std::exception_ptr cannot_go_on(std::string_view who) noexcept {
  try {
    try {
      throw;
    } catch (const std::bad_alloc&) {
      return failed(who, "out of memory");
    } catch (const std::exception& error) {
      return failed(who, error.what());
    } catch (...) {
      return failed(who, "something was thrown that is no std::exception");
    }
  } catch (...) {
    return std::current_exception();
  }
}

}  // namespace wq::internal
