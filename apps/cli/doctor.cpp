// kachery doctor: says what is wrong, and what to do.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "commands.h"
#include "core/text.h"
#include "health.h"
#include "json/json.h"
#include "os/process.h"

namespace kachery::cli {
namespace {

const char* status_name(Status status) {
  switch (status) {
    case Status::ok:
      return "ok";
    case Status::warning:
      return "warning";
    case Status::error:
      break;
  }
  return "error";
}

class DoctorCommand final : public Command {
 public:
  void declare(Options& options) override {
    options.argument("uri", names_, "Also say where this content is", Required::no);
  }

  Result<int> run(Context& context) override {
    const auto configuration = context.configuration();
    Checks checks = check_settings(configuration);
    const auto add = [&checks](Checks more) { std::ranges::move(more, std::back_inserter(checks)); };
    if (configuration) {
      Session session(*configuration);
      add(check_store(*configuration));
      add(check_hub(session, context.progress));
      if (session.has_hub()) add(check_channels(session, context.progress));
      add(check_names(session, names_, context.progress));
    }
    add(check_installation(program_path().value_or(std::filesystem::path())));
    KACHERY_TRY(context.common.json ? print_json(context, checks) : print_lines(context, checks));
    switch (worst_of(checks)) {
      case Status::ok:
        return 0;
      case Status::warning:
        return kPartlyFailed;
      case Status::error:
        break;
    }
    return exit_status(Code::internal);
  }

 private:
  static Status worst_of(const Checks& checks) {
    Status worst = Status::ok;
    for (const Check& check : checks) worst = std::max(worst, check.status);
    return worst;
  }

  static Result<> print_json(const Context& context, const Checks& checks) {
    json::Array items;
    for (const Check& check : checks)
      items.emplace_back(json::Object{{"name", check.name},
                                      {"status", status_name(check.status)},
                                      {"what", check.what},
                                      {"do", check.todo.empty() ? json::Value() : json::Value(check.todo)}});
    return context.print(
        json::Object{{"status", status_name(worst_of(checks))}, {"checks", std::move(items)}});
  }

  static Result<> print_lines(const Context& context, const Checks& checks) {
    for (const Check& check : checks) {
      KACHERY_TRY(context.print(
          fmt::format("{:<8} {:<18} {}", status_name(check.status), check.name, printable(check.what))));
      if (!check.todo.empty())
        KACHERY_TRY(context.print(fmt::format("{:<27} -> {}", "", printable(check.todo))));
    }
    return {};
  }

  std::vector<std::string> names_;
};

}  // namespace

CommandList doctor_commands() {
  return {{"doctor", "Say what is wrong here and with the hub, and what to do", make_command<DoctorCommand>}};
}

}  // namespace kachery::cli
