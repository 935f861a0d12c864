#include "wire/legacy/proxy.h"

#include <cmath>

namespace kachery::wire {

Result<Secret> Codec<Secret>::from_json(const json::Value& value, const std::string& where) {
  const std::string* text = value.if_string();
  if (text == nullptr) return fail_member(where, "text");
  return Secret(as_bytes(*text));
}

Result<json::Value> Codec<json::Value>::from_json(const json::Value& value, const std::string& where) {
  if (value.if_object() == nullptr) return fail_member(where, "an object");
  return value;
}

Result<std::chrono::milliseconds> Codec<std::chrono::milliseconds>::from_json(const json::Value& value,
                                                                              const std::string& where) {
  constexpr double kYearMs = 365.0 * 24 * 3600 * 1000;
  const auto number = value.as_double();
  if (!number || !(*number >= 0 && *number <= kYearMs)) return fail_member(where, "a number of milliseconds");
  return std::chrono::milliseconds(static_cast<std::int64_t>(std::floor(*number)));
}

namespace legacy {
namespace {

constexpr const char* kNotThere = "not-found";

// The one of the messages whose type the value says.
template <class Variant, class... Messages>
Result<Variant> pick(const json::Value& value, const std::variant<Messages...>*) {
  const json::Value* type = value.find("type");
  const std::string* name = type == nullptr ? nullptr : type->if_string();
  if (name == nullptr) return fail_member("type", "text");
  Result<Variant> picked = fail_member("type", "one that is known here");
  const auto try_one = [&]<class Message>(const Message*) {
    if (*name != decltype(Message::type)::kValue) return;
    Result<Message> message = from_json<Message>(value, "");
    picked = message ? Result<Variant>(*std::move(message)) : std::unexpected(std::move(message).error());
  };
  (try_one(static_cast<const Messages*>(nullptr)), ...);
  return picked;
}

template <class Variant>
Result<Variant> parse_one_of(std::string_view text) {
  Result<json::Value> value = json::parse(text);
  if (!value) return fail(Code::invalid, "not JSON that can be used: " + value.error().message);
  return pick<Variant>(*value, static_cast<const Variant*>(nullptr));
}

}  // namespace

FileUploadStatus status_of(const AskState& state) {
  FileUploadStatus status{.status = state.state,
                          .size = {},
                          .bytes_uploaded = {},
                          .timestamp_requested = {},
                          .timestamp_started = {},
                          .timestamp_completed = {},
                          .error = {}};
  if (state.state == kAsking) status.status = kQueued;
  if (state.state == kNotFound) status.status = kNotThere;
  if (state.state == kError) status.error = state.message.value_or("the upload failed");
  if (state.size) status.size = *state.size;
  if (state.bytes_uploaded) status.bytes_uploaded = *state.bytes_uploaded;
  return status;
}

AskState state_of(const FileUploadStatus& status) {
  return {.state = status.status == kNotThere ? kNotFound : status.status,
          .size = status.size,
          .bytes_uploaded = status.bytes_uploaded,
          .message = status.error};
}

Result<FromDaemon> parse_from_daemon(std::string_view text) {
  return parse_one_of<FromDaemon>(text);
}

Result<FromProxy> parse_from_proxy(std::string_view text) {
  return parse_one_of<FromProxy>(text);
}

}  // namespace legacy
}  // namespace kachery::wire
