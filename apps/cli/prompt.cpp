#include "prompt.h"

#include <termios.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <optional>

#include "core/text.h"

namespace kachery::cli {
namespace {

// No answer is longer.
constexpr std::size_t kLineBytesMax = 4'096;

void show(const std::string& text) {
  static_cast<void>(std::fputs(text.c_str(), stderr));
  static_cast<void>(std::fflush(stderr));
}

// While it lives, the terminal does not show what is typed.
class HiddenInput {
 public:
  HiddenInput() : is_terminal_(::tcgetattr(STDIN_FILENO, &before_) == 0) {
    if (!is_terminal_) return;
    termios hidden = before_;
    hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    static_cast<void>(::tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden));
  }
  HiddenInput(const HiddenInput&) = delete;
  HiddenInput& operator=(const HiddenInput&) = delete;
  ~HiddenInput() {
    if (!is_terminal_) return;
    static_cast<void>(::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_));
    show("\n");  // What ended the line was not shown either.
  }

 private:
  termios before_{};
  bool is_terminal_;
};

}  // namespace

Result<std::string> Prompt::read_line() {
  std::string line;
  std::array<std::byte, 1> next{};
  for (;;) {
    KACHERY_TRY(count, input_->read(next));
    if (count == 0 || next[0] == std::byte{'\n'}) return line;
    if (line.size() == kLineBytesMax) return fail(Code::invalid, "the answer is too long");
    line += static_cast<char>(next[0]);
  }
}

Result<std::string> Prompt::ask(const std::string& question, const std::string& preset, Echo echo) {
  const std::string shown = preset.empty() ? "" : echo == Echo::yes ? printable(preset) : "unchanged";
  show(question + (shown.empty() ? "" : " (" + shown + ")") + ": ");
  std::optional<HiddenInput> hidden;
  if (echo == Echo::no) hidden.emplace();
  KACHERY_TRY(line, read_line());
  return line.empty() ? preset : line;
}

}  // namespace kachery::cli
