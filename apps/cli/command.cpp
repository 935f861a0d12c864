#include "command.h"

#include <fmt/format.h>

#include "console.h"

namespace kachery::cli {

Result<Configuration> Context::configuration() const {
  return configure({.directory = common.directory, .context = common.context});
}

Result<Session*> Context::session() {
  if (!session_) {
    KACHERY_TRY(found, configuration());
    session_ = std::make_unique<Session>(std::move(found));
  }
  return session_.get();
}

Result<> Context::write(ByteView bytes) const {
  return write_output(bytes, progress);
}

Result<> Context::print(std::string_view line) const {
  return write(as_bytes(std::string(line) + "\n"));
}

Result<> Context::print(json::Object object) const {
  return print(json::Value(std::move(object)).str());
}

Result<> Context::print_fields(json::Object fields) const {
  if (common.json) return print(std::move(fields));
  std::string lines;
  for (const auto& [key, value] : fields) {
    const std::string* text = value.if_string();
    lines += fmt::format("{:<16} {}\n", key + ":", text != nullptr ? *text : value.str());
  }
  return write(as_bytes(lines));
}

int run(Command& command, Context& context) {
  const Result<int> status = command.run(context);
  if (status) return *status;
  const Error& error = status.error();
  if (context.common.json) {
    json::Object about{{"code", std::string(code_name(error.code))}, {"message", error.message}};
    // Where even that cannot be printed, the exit status and standard error say it.
    static_cast<void>(context.print(json::Object{{"error", std::move(about)}}));
  }
  say(error.message);
  return exit_status(error.code);
}

}  // namespace kachery::cli
