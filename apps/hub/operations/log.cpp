// The only file that includes spdlog.
#include "hub/operations/log.h"

#include <spdlog/async.h>
#include <spdlog/async_logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <memory>

#include "hub/operations/day.h"
#include "os/clock.h"

namespace kachery::hub {
namespace {

// A few MB. Where nobody takes what we write, the oldest lines are dropped, so that nobody waits for the log.
constexpr std::size_t kLinesMax = 8192;

struct Level {
  spdlog::level::level_enum spdlog;
  const char* name;
};

Level level_of(Severity severity) {
  switch (severity) {
    case Severity::info:
      return {spdlog::level::info, "info"};
    case Severity::warning:
      return {spdlog::level::warn, "warning"};
    case Severity::error:
      return {spdlog::level::err, "error"};
  }
  KACHERY_ASSERT(false);
}

// The log of the process: made at the first line, written out when the process ends.
class Lines {
 public:
  Lines() {
    logger_->set_pattern("%v");
    logger_->flush_on(spdlog::level::info);
  }

  void write(spdlog::level::level_enum level, const std::string& line) { logger_->log(level, line); }

 private:
  // Owned by us alone; the logger only looks for it.
  std::shared_ptr<spdlog::details::thread_pool> writer_ =
      std::make_shared<spdlog::details::thread_pool>(kLinesMax, 1);
  // Owned by us and by lines that wait in the writer.
  std::shared_ptr<spdlog::async_logger> logger_ =
      std::make_shared<spdlog::async_logger>("hub", std::make_shared<spdlog::sinks::stderr_sink_mt>(),
                                             writer_, spdlog::async_overflow_policy::overrun_oldest);
};

}  // namespace

void log(Severity severity, std::string_view event, json::Object about) {
  static Lines lines;
  const Level level = level_of(severity);
  json::Object line{
      {"time", moment_of(system_clock().now_ns() / 1'000'000)}, {"level", level.name}, {"event", event}};
  std::ranges::move(about, std::back_inserter(line));
  lines.write(level.spdlog, json::Value(std::move(line)).str());
}

}  // namespace kachery::hub
