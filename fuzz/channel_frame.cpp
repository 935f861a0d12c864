// Whatever parses as a frame of a channel prints as the same bytes.
#include "net/channel_frame.h"

#include <cstddef>
#include <cstdint>

using namespace kachery;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Result<ChannelFrame> frame = ChannelFrame::parse(text);
  if (frame) KACHERY_ASSERT(frame->str() == text);
  return 0;
}
