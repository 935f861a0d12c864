// The commands about settings: what holds and who says so, and contexts.
#include <fmt/format.h>

#include <algorithm>

#include "client/settings.h"
#include "commands.h"
#include "core/text.h"
#include "json/json.h"

namespace kachery::cli {
namespace {

// A setting as people ask for it.
struct Item {
  std::string name;
  json::Value value;  // Null: nothing is set.
  std::string origin;
};

json::Value text_or_null(const std::string& text) {
  return text.empty() ? json::Value() : json::Value(text);
}

json::Value paths_as_json(std::span<const std::filesystem::path> paths) {
  json::Array items;
  for (const auto& path : paths) items.emplace_back(path.native());
  return items;
}

// A place that follows from the others. Where there can be none, the reason is said instead, so that
// everything else can be seen.
template <class T>
Item derived(const char* name, const Result<T>& place, const auto& as_value) {
  if (!place) return {name, nullptr, place.error().message};
  return {name, as_value(*place), "derived"};
}

Result<std::vector<Item>> items_of(const Configuration& configuration) {
  KACHERY_TRY(limit, cache_limit(configuration));
  const auto path_as_json = [](const std::filesystem::path& path) { return json::Value(path.native()); };
  const std::string read_origin = configuration.also_read.empty() ? "default" : "older programs";
  return std::vector<Item>{
      {"directory", configuration.directory.native(), configuration.directory_origin},
      {"alsoRead", paths_as_json(configuration.also_read), read_origin},
      {"gatewayUrl", text_or_null(configuration.gateway_url.value), configuration.gateway_url.origin},
      {"zone", configuration.zone.value, configuration.zone.origin},
      {"context", text_or_null(configuration.context.value), configuration.context.origin},
      {"maxCacheSizeGiB", limit.value ? json::Value(static_cast<double>(*limit.value) / 1e9) : json::Value(),
       limit.origin},
      {"offline", configuration.offline,
       configuration.offline ? configuration.directory_origin : std::string("default")},
      {"configDirectory", configuration.user_directory.value.native(), configuration.user_directory.origin},
      {"stateDirectory", configuration.state_directory.native(), configuration.state_origin},
      derived("databaseDirectory", database_directory(configuration), path_as_json),
      derived("keyDirectories", key_directories(configuration), paths_as_json)};
}

// For people: a list is its items, nothing is a dash.
std::string shown(const json::Value& value) {
  if (const std::string* text = value.if_string()) return printable(*text);
  if (value.is_null()) return "-";
  const json::Array* items = value.if_array();
  if (items == nullptr) return value.str();
  std::string line;
  for (const json::Value& item : *items) line += (line.empty() ? "" : ", ") + shown(item);
  return line.empty() ? "-" : line;
}

class ConfigCommand final : public Command {
 public:
  void declare(Options& options) override {
    options.argument("name", name_, "Only this setting, such as directory", Required::no);
    options.flag("--show-origin", show_origin_, "Also who said so");
  }

  Result<int> run(Context& context) override {
    KACHERY_TRY(configuration, context.configuration());
    KACHERY_TRY(items, items_of(configuration));
    if (!name_.empty()) {
      const auto other = [&](const Item& item) { return item.name != name_; };
      std::string known;
      for (const Item& item : items) known += (known.empty() ? "" : ", ") + item.name;
      std::erase_if(items, other);
      if (items.empty())
        return fail(Code::invalid, fmt::format("there is no setting {}; there are {}", name_, known));
    }
    KACHERY_TRY(context.common.json ? print_json(context, items) : print_lines(context, items));
    return 0;
  }

 private:
  static Result<> print_json(const Context& context, std::span<const Item> items) {
    json::Object settings;
    for (const Item& item : items)
      settings.emplace_back(item.name, json::Object{{"value", item.value}, {"origin", item.origin}});
    return context.print(json::Object{{"settings", std::move(settings)}});
  }

  Result<> print_lines(const Context& context, std::span<const Item> items) const {
    for (const Item& item : items) {
      const std::string origin = show_origin_ ? fmt::format("  ({})", printable(item.origin)) : "";
      const std::string name = name_.empty() ? fmt::format("{:<18} ", item.name + ":") : "";
      KACHERY_TRY(context.print(fmt::format("{}{}{}", name, shown(item.value), origin)));
    }
    return {};
  }

  std::string name_;
  bool show_origin_ = false;
};

// Contexts stand in the user's config.yaml. Not `configure`: that fails where the one in use is missing, and
// these commands are there to mend that.
struct UserFile {
  std::filesystem::path path;
  std::shared_ptr<const Settings> settings;

  // The name that a command without one means; empty: none is in use.
  std::string current(const Context& context) const {
    if (!context.common.context.empty()) return context.common.context;
    return environment("KACHERY_CONTEXT").value_or(settings->context.value_or(""));
  }
};

Result<UserFile> user_file() {
  KACHERY_TRY(path, user_settings_path());
  KACHERY_TRY(settings, read_settings(path));
  return UserFile{std::move(path), std::move(settings)};
}

std::unexpected<Error> fail_no_context(const std::string& name, const std::filesystem::path& path) {
  return fail(Code::not_found,
              fmt::format("there is no context {} in {}; make it with kachery context create {}", name,
                          path.native(), name));
}

json::Object as_json(const std::string& name, const Whereabouts& context, bool current) {
  const auto text = [](const auto& value) {
    return value ? json::Value(std::string(*value)) : json::Value();
  };
  return {{"name", text_or_null(name)},
          {"current", current},
          {"directory", text(context.directory)},
          {"gatewayUrl", text(context.gateway_url)},
          {"zone", text(context.zone)}};
}

class ContextListCommand final : public Command {
 public:
  void declare(Options&) override {}

  Result<int> run(Context& context) override {
    KACHERY_TRY(file, user_file());
    const std::string current = file.current(context);
    json::Array items;
    std::string lines;
    for (const auto& [name, whereabouts] : file.settings->contexts) {
      items.emplace_back(as_json(name, whereabouts, name == current));
      lines += fmt::format("{} {}\n", name == current ? "*" : " ", printable(name));
    }
    if (context.common.json) {
      KACHERY_TRY(context.print(json::Object{{"contexts", std::move(items)}}));
    } else {
      KACHERY_TRY(context.write(as_bytes(lines)));
    }
    return 0;
  }
};

class ContextShowCommand final : public Command {
 public:
  void declare(Options& options) override {
    options.argument("name", name_, "The context; without it, the one in use", Required::no);
  }

  Result<int> run(Context& context) override {
    KACHERY_TRY(file, user_file());
    const std::string current = file.current(context);
    const std::string name = name_.empty() ? current : name_;
    if (name.empty())
      return fail(Code::not_found, "no context is in use; kachery context use NAME takes one");
    const auto found = file.settings->contexts.find(name);
    if (found == file.settings->contexts.end()) return fail_no_context(name, file.path);
    KACHERY_TRY(context.print_fields(as_json(name, found->second, name == current)));
    return 0;
  }

 private:
  std::string name_;
};

// What changes the file prints the context that it was about, as `show` does.
Result<int> change(const Context& context, const std::string& name,
                   const std::function<Result<>(Settings&, const std::filesystem::path&)>& how) {
  KACHERY_TRY(path, user_settings_path());
  json::Object shown;
  const auto change_and_note = [&](Settings& settings) -> Result<> {
    const Whereabouts before = settings.contexts.contains(name) ? settings.contexts[name] : Whereabouts{};
    KACHERY_TRY(how(settings, path));
    const auto after = settings.contexts.find(name);
    shown =
        as_json(name, after == settings.contexts.end() ? before : after->second, settings.context == name);
    return {};
  };
  KACHERY_TRY(change_contexts(path, change_and_note));
  if (context.common.json) KACHERY_TRY(context.print(std::move(shown)));
  return 0;
}

class ContextCreateCommand final : public Command {
 public:
  void declare(Options& options) override {
    options.argument("name", name_, "What to call it");
    options.option("--directory", directory_, "Its store's directory");
    options.option("--gateway-url", whereabouts_.gateway_url, "Its hub");
    options.option("--zone", whereabouts_.zone, "Its zone");
    options.flag("--replace", replace_, "Also if there is one of this name");
  }

  Result<int> run(Context& context) override {
    if (directory_) {
      if (directory_->empty()) return fail(Code::invalid, "--directory needs a path");
      whereabouts_.directory = std::filesystem::absolute(*directory_);
    }
    return change(context, name_, [this](Settings& settings, const std::filesystem::path& path) -> Result<> {
      if (name_.empty()) return fail(Code::invalid, "a context needs a name");
      if (!replace_ && settings.contexts.contains(name_))
        return fail(Code::exists, fmt::format("there is a context {} in {} already; --replace makes it anew",
                                              name_, path.native()));
      settings.contexts[name_] = whereabouts_;
      return {};
    });
  }

 private:
  std::string name_;
  std::optional<std::string> directory_;
  Whereabouts whereabouts_;
  bool replace_ = false;
};

class ContextUseCommand final : public Command {
 public:
  void declare(Options& options) override {
    options.argument("name", name_, "The context to use from now on", Required::no);
    options.flag("--none", none_, "Use none");
  }

  Result<int> run(Context& context) override {
    if (none_ != name_.empty()) return fail(Code::invalid, "give the name of a context, or --none");
    return change(context, name_, [this](Settings& settings, const std::filesystem::path& path) -> Result<> {
      if (!none_ && !settings.contexts.contains(name_)) return fail_no_context(name_, path);
      settings.context = none_ ? std::nullopt : std::optional(name_);
      return {};
    });
  }

 private:
  std::string name_;
  bool none_ = false;
};

class ContextRemoveCommand final : public Command {
 public:
  void declare(Options& options) override { options.argument("name", name_, "The context to forget"); }

  Result<int> run(Context& context) override {
    return change(context, name_, [this](Settings& settings, const std::filesystem::path& path) -> Result<> {
      if (settings.contexts.erase(name_) == 0) return fail_no_context(name_, path);
      if (settings.context == name_) settings.context.reset();
      return {};
    });
  }

 private:
  std::string name_;
};

}  // namespace

CommandList configuring_commands() {
  return {
      {"config", "Print the settings that hold here", make_command<ConfigCommand>},
      {"context", "Named settings: which store, which hub, which zone", nullptr},
      {"context list", "Print their names; * marks the one in use", make_command<ContextListCommand>},
      {"context show", "Print what one says", make_command<ContextShowCommand>},
      {"context create", "Make one", make_command<ContextCreateCommand>},
      {"context use", "Use it from now on, where nothing else is said", make_command<ContextUseCommand>},
      {"context remove", "Forget it; its store stays", make_command<ContextRemoveCommand>},
  };
}

}  // namespace kachery::cli
