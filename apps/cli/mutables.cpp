// The commands for mutables: small values that change, on this machine only.
#include <fmt/format.h>

#include "commands.h"
#include "core/text.h"
#include "json/json.h"

namespace kachery::cli {
namespace {

// A key as it was typed, and which kind of mutable it names: gen2's, a text in a file, or gen1's, JSON by
// JSON.
struct Key {
  std::string typed;
  bool file = false;   // --file; a key that begins with "@" is one in any case.
  bool parse = false;  // The words are JSON, and not texts.

  void declare(Options& options) {
    options.argument("key", typed, "Its key");
    options.flag("--file", file,
                 "A text in a file, as kachery_cloud keeps it; so is every key with @ before it");
    options.flag("--parse", parse, "The key, and the value, are JSON: '{\"a\":1}', and not texts");
  }

  bool is_file() const { return file || typed.starts_with('@'); }

  Result<> check() const {
    if (is_file() && parse)
      return fail(Code::invalid, "a mutable in a file is a text; --parse has no meaning there");
    return {};
  }

  // The JSON text of a key or a value.
  std::string json_of(const std::string& word) const { return parse ? word : json::Value(word).str(); }

  // As it was meant, for --json.
  json::Value as_json() const {
    const auto parsed = parse ? json::parse(typed) : Result<json::Value>(json::Value(typed));
    return parsed.value_or(json::Value(typed));
  }
};

// For people: a text as it is, anything else as JSON.
std::string shown(const std::string& value) {
  const auto parsed = json::parse(value);
  const std::string* text = parsed ? parsed->if_string() : nullptr;
  return text != nullptr ? *text : value;
}

std::unexpected<Error> fail_missing(const Key& key) {
  return fail(
      Code::not_found,
      fmt::format("there is no mutable {}; kachery mutable list shows those that there are", key.typed));
}

class MutableGetCommand final : public Command {
 public:
  void declare(Options& options) override { key_.declare(options); }

  Result<int> run(Context& context) override {
    KACHERY_TRY(key_.check());
    KACHERY_TRY(session, context.session());
    KACHERY_TRY(value, get(*session));
    if (!value) return fail_missing(key_);
    if (context.common.json) {
      const auto parsed = key_.is_file() ? Result<json::Value>(json::Value(*value)) : json::parse(*value);
      KACHERY_TRY(context.print(
          json::Object{{"key", key_.as_json()}, {"value", parsed.value_or(json::Value(*value))}}));
    } else {
      KACHERY_TRY(context.print(key_.is_file() ? *value : shown(*value)));
    }
    return 0;
  }

 private:
  Result<std::optional<std::string>> get(Session& session) const {
    if (key_.is_file()) {
      KACHERY_TRY(mutables, session.file_mutables(Missing::fail));
      return mutables->get(key_.typed);
    }
    KACHERY_TRY(mutables, session.mutables());
    return mutables->get(key_.json_of(key_.typed));
  }

  Key key_;
};

class MutableSetCommand final : public Command {
 public:
  void declare(Options& options) override {
    key_.declare(options);
    options.argument("value", value_, "Its value");
    options.flag("--new", new_, "Only if there is none yet");
  }

  Result<int> run(Context& context) override {
    KACHERY_TRY(key_.check());
    KACHERY_TRY(session, context.session());
    KACHERY_TRY(set, key_.is_file() ? set_file(*session) : set_value(*session));
    if (!set) return fail(Code::exists, fmt::format("there is a mutable {} already", key_.typed));
    if (context.common.json) KACHERY_TRY(context.print(json::Object{{"key", key_.as_json()}, {"set", true}}));
    return 0;
  }

 private:
  Result<bool> set_file(Session& session) const {
    if (new_) return fail(Code::invalid, "--new is not for mutables in files");
    KACHERY_TRY(mutables, session.file_mutables(Missing::create));
    KACHERY_TRY(mutables->set(key_.typed, value_));
    return true;
  }

  Result<bool> set_value(Session& session) const {
    KACHERY_TRY(mutables, session.mutables());
    return mutables->set(key_.json_of(key_.typed), key_.json_of(value_),
                         new_ ? Existing::keep : Existing::replace);
  }

  Key key_;
  std::string value_;
  bool new_ = false;
};

class MutableDeleteCommand final : public Command {
 public:
  void declare(Options& options) override {
    key_.declare(options);
    options.flag("--folder", folder_, "A folder of mutables in files, with everything in it");
  }

  Result<int> run(Context& context) override {
    KACHERY_TRY(key_.check());
    KACHERY_TRY(session, context.session());
    KACHERY_TRY(deleted, remove(*session));
    if (!deleted) return fail_missing(key_);
    if (context.common.json)
      KACHERY_TRY(context.print(json::Object{{"key", key_.as_json()}, {"deleted", true}}));
    return 0;
  }

 private:
  Result<bool> remove(Session& session) const {
    if (key_.is_file() || folder_) {
      KACHERY_TRY(mutables, session.file_mutables(Missing::fail));
      KACHERY_TRY(folder_ ? mutables->remove_folder(key_.typed) : mutables->remove(key_.typed));
      return true;
    }
    KACHERY_TRY(mutables, session.mutables());
    return mutables->remove(key_.json_of(key_.typed));
  }

  Key key_;
  bool folder_ = false;
};

class MutableListCommand final : public Command {
 public:
  void declare(Options& options) override {
    options.flag("--file", file_, "Only those in files, as kachery_cloud keeps them");
  }

  Result<int> run(Context& context) override {
    KACHERY_TRY(session, context.session());
    json::Array items;
    std::string lines;
    if (!file_) KACHERY_TRY(add_values(*session, items, lines));
    KACHERY_TRY(add_files(*session, items, lines));
    if (context.common.json) {
      KACHERY_TRY(context.print(json::Object{{"mutables", std::move(items)}}));
    } else {
      KACHERY_TRY(context.write(as_bytes(lines)));
    }
    return 0;
  }

 private:
  static Result<> add_values(Session& session, json::Array& items, std::string& lines) {
    KACHERY_TRY(mutables, session.mutables());
    KACHERY_TRY(all, mutables->list());
    for (const Mutable& one : all) {
      KACHERY_TRY(key, json::parse(one.key));
      const std::string* text = key.if_string();
      lines += printable(text != nullptr ? *text : one.key) + "\n";
      json::Value value = json::parse(one.value).value_or(json::Value(one.value));
      items.emplace_back(
          json::Object{{"kind", "value"}, {"key", std::move(key)}, {"value", std::move(value)}});
    }
    return {};
  }

  static Result<> add_files(Session& session, json::Array& items, std::string& lines) {
    KACHERY_TRY(mutables, session.file_mutables(Missing::fail));
    KACHERY_TRY(keys, mutables->list());
    for (std::string& key : keys) {
      lines += printable(key) + "\n";
      items.emplace_back(json::Object{{"kind", "file"}, {"key", std::move(key)}, {"value", nullptr}});
    }
    return {};
  }

  bool file_ = false;
};

}  // namespace

CommandList mutable_commands() {
  return {
      {"mutable", "Small values that change, on this machine only", nullptr},
      {"mutable get", "Print one", make_command<MutableGetCommand>},
      {"mutable set", "Give it a value", make_command<MutableSetCommand>},
      {"mutable delete", "Delete it", make_command<MutableDeleteCommand>},
      {"mutable list", "Print the keys of all", make_command<MutableListCommand>},
  };
}

}  // namespace kachery::cli
