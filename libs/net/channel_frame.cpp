#include "net/channel_frame.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "core/text.h"

namespace kachery {
namespace {

// In the order of FrameKind.
constexpr std::array<std::string_view, 5> kKinds{"call", "cancel", "progress", "answer", "failure"};

// What JSON's numbers keep exactly, though no JSON is here: more calls than anybody makes.
constexpr std::uint64_t kIdMax = (std::uint64_t{1} << 53) - 1;

bool has_argument(FrameKind kind) {
  return kind == FrameKind::call || kind == FrameKind::failure;
}

// The first word, which is taken off the line.
std::string_view take_word(std::string_view& line) {
  const std::size_t end = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

// With its end.
std::string line_of(const ChannelFrame& frame) {
  std::string line(kKinds.at(static_cast<std::size_t>(frame.kind)));
  line.append(1, ' ').append(std::to_string(frame.id));
  if (has_argument(frame.kind)) line.append(1, ' ').append(frame.argument);
  return line.append(1, '\n');
}

std::unexpected<Error> fail_frame(std::string_view line) {
  return fail(Code::invalid, "this begins no frame: \"" + printable(line.substr(0, 100)) + '"');
}

}  // namespace

std::string ChannelFrame::str() const {
  return line_of(*this).append(message);
}

Result<ChannelFrame> ChannelFrame::parse(std::string_view text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  if (end == std::string_view::npos) return fail_frame(line);
  std::string_view rest = line;
  const auto kind = std::ranges::find(kKinds, take_word(rest));
  if (kind == kKinds.end()) return fail_frame(line);
  const std::string_view number = take_word(rest);
  ChannelFrame frame{static_cast<FrameKind>(kind - kKinds.begin()), 0, rest, text.substr(end + 1)};
  std::from_chars(number.data(), number.data() + number.size(), frame.id);
  // One text for each frame: no zeros before the number, no spaces behind it.
  const bool is_exact = frame.id >= 1 && frame.id <= kIdMax && text.starts_with(line_of(frame));
  if (!is_exact || (has_argument(frame.kind) && rest.empty())) return fail_frame(line);
  if (frame.kind == FrameKind::cancel && !frame.message.empty()) return fail_frame(line);
  return frame;
}

}  // namespace kachery
