// What can go wrong, and how every door of the program says it: Code, Error, Result, and the two ways to pass
// it on.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <expected>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>

namespace kachery {

enum class Code {
  invalid,      // The input cannot be used as it is.
  not_found,    // Looked everywhere that was asked for; it is not there.
  exists,       // Something else is there already.
  denied,       // No permission.
  unavailable,  // The other side, or this machine, cannot answer now; trying again may help.
  timed_out,    // The time given ran out.
  cancelled,    // The user stopped it.
  corrupt,      // Bytes are not what their name or their signature says.
  exhausted,    // No space, quota, memory or file handles left.
  internal,     // Anything else, and our own mistakes.
};

// `code` is for programs; `message` is for people: what was tried, on what, why it failed, what to do.
struct Error {
  Code code;
  std::string message;
};

std::string_view code_name(Code code);
std::optional<Code> code_named(std::string_view name);

// The status that a command ends with. 0 is success, 3 means that only a part failed; both are not errors.
int exit_status(Code code);

// The status of an HTTP answer that says it (RFC 9110 section 15).
int http_status(Code code);

// A value or the reason why there is none.
template <class T = void>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;
};

inline std::unexpected<Error> fail(Code code, std::string message) {
  return std::unexpected(Error{code, std::move(message)});
}

// The failure of the system call that just set errno, e.g. "cannot open /a/b: Permission denied".
std::unexpected<Error> fail_errno(int error_number, std::string_view what);

namespace detail {
[[noreturn]] inline void assertion_failed(const char* expression, std::source_location where) {
  static_cast<void>(
      std::fprintf(stderr, "kachery: bug: %s:%u: %s\n", where.file_name(), where.line(), expression));
  std::abort();
}
}  // namespace detail

}  // namespace kachery

// A bug of ours, never a judgement of input. Stays on in every build.
#define KACHERY_ASSERT(condition) \
  ((condition) ? void(0) : ::kachery::detail::assertion_failed(#condition, std::source_location::current()))

// KACHERY_TRY(value, expression) declares `value`, or returns the error. KACHERY_TRY(expression) only checks.
#define KACHERY_TRY(...) KACHERY_TRY_PICK(__VA_ARGS__, KACHERY_TRY_VALUE, KACHERY_TRY_VOID)(__VA_ARGS__)
#define KACHERY_TRY_PICK(a, b, macro, ...) macro
#define KACHERY_TRY_JOIN2(a, b) a##b
#define KACHERY_TRY_JOIN(a, b) KACHERY_TRY_JOIN2(a, b)
#define KACHERY_TRY_VOID(expression)                                      \
  do {                                                                    \
    if (auto kachery_result = (expression); !kachery_result) [[unlikely]] \
      return std::unexpected(std::move(kachery_result).error());          \
  } while (false)
#define KACHERY_TRY_VALUE(value, expression) \
  KACHERY_TRY_NAMED(value, expression, KACHERY_TRY_JOIN(kachery_result_, __LINE__))
#define KACHERY_TRY_NAMED(value, expression, result)   \
  auto result = (expression);                          \
  if (!result) [[unlikely]]                            \
    return std::unexpected(std::move(result).error()); \
  auto value = *std::move(result)
