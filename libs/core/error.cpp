#include "core/error.h"

#include <array>
#include <cerrno>
#include <system_error>

namespace kachery {
namespace {

struct CodeRow {
  Code code;
  std::string_view name;
  int exit_status;
};

// The one table of what a Code means outside. The Python exceptions stand in python/kachery/_errors.py, by
// name.
constexpr std::array<CodeRow, 10> kCodes{{
    {Code::invalid, "invalid", 2},
    {Code::not_found, "not_found", 4},
    {Code::exists, "exists", 1},
    {Code::denied, "denied", 6},
    {Code::unavailable, "unavailable", 5},
    {Code::timed_out, "timed_out", 9},
    {Code::cancelled, "cancelled", 130},
    {Code::corrupt, "corrupt", 7},
    {Code::exhausted, "exhausted", 8},
    {Code::internal, "internal", 1},
}};

const CodeRow& row(Code code) {
  const CodeRow& found = kCodes.at(static_cast<std::size_t>(code));
  KACHERY_ASSERT(found.code == code);
  return found;
}

Code code_of_errno(int error_number) {
  switch (error_number) {
    case ENOENT:
      return Code::not_found;
    case EEXIST:
      return Code::exists;
    case EACCES:
    case EPERM:
    case EROFS:
      return Code::denied;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return Code::exhausted;
    case EISDIR:
    case ENOTDIR:
    case ENAMETOOLONG:
    case EINVAL:
    case ELOOP:
      return Code::invalid;
    case ETIMEDOUT:
      return Code::timed_out;
    case ECANCELED:
      return Code::cancelled;
    default:
      return Code::internal;
  }
}

}  // namespace

std::string_view code_name(Code code) {
  return row(code).name;
}

int exit_status(Code code) {
  return row(code).exit_status;
}

std::unexpected<Error> fail_errno(int error_number, std::string_view what) {
  std::string message(what);
  message += ": ";
  message += std::generic_category().message(error_number);
  return fail(code_of_errno(error_number), std::move(message));
}

}  // namespace kachery
