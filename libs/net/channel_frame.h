// Frames of a Channel: a line, "KIND ID" or "KIND ID ARGUMENT", and a message behind it.
// docs/protocol/live.md. Inside net only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/error.h"

namespace kachery {

enum class FrameKind : std::uint8_t {
  call,      // ID of the sender's; its argument is the method.
  cancel,    // ID of the sender's, which wants no answer any more. No message.
  progress,  // Of the receiver's call.
  answer,
  failure,  // Instead of an answer; its argument is the code, its message is for people.
};

struct ChannelFrame {
  FrameKind kind;
  std::uint64_t id;  // From 1 on.
  std::string_view argument = {};
  std::string_view message = {};

  std::string str() const;
  // A view of `text`. Code::invalid for what is no frame, whatever it may be.
  static Result<ChannelFrame> parse(std::string_view text);
};

}  // namespace kachery
