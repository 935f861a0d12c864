#include "core/error.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

namespace kachery {
namespace {

struct CodeRow {
  Code code;
  std::string_view name;
  int exit_status;
  int http_status;
};

// The one table of what a Code means outside. The Python exceptions stand in python/kachery/_errors.py, by
// name.
constexpr std::array<CodeRow, 10> kCodes{{
    {Code::invalid, "invalid", 2, 400},
    {Code::not_found, "not_found", 4, 404},
    {Code::exists, "exists", 1, 409},
    {Code::denied, "denied", 6, 403},
    {Code::unavailable, "unavailable", 5, 503},
    {Code::timed_out, "timed_out", 9, 504},
    {Code::cancelled, "cancelled", 130, 499},
    {Code::corrupt, "corrupt", 7, 422},
    {Code::exhausted, "exhausted", 8, 507},
    {Code::internal, "internal", 1, 500},
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

std::optional<Code> code_named(std::string_view name) {
  const auto found = std::ranges::find(kCodes, name, &CodeRow::name);
  if (found == kCodes.end()) return std::nullopt;
  return found->code;
}

int exit_status(Code code) {
  return row(code).exit_status;
}

int http_status(Code code) {
  return row(code).http_status;
}

std::unexpected<Error> fail_errno(int error_number, std::string_view what) {
  std::string message(what);
  message += ": ";
  message += std::generic_category().message(error_number);
  return fail(code_of_errno(error_number), std::move(message));
}

}  // namespace kachery
