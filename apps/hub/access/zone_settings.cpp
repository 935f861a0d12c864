// The only file of the hub that includes yaml-cpp.
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <sstream>

#include "core/text.h"
#include "hub/access/access.h"

namespace kachery::hub {
namespace {

constexpr std::size_t kYamlBytesMax = 1 << 20;  // So many users with all their rights fit.
constexpr std::size_t kUsersMax = 10'000;

constexpr const char* kPublicUpload = "allowPublicUpload";
constexpr const char* kPublicDownload = "allowPublicDownload";
constexpr const char* kUsers = "authorizedUsers";
constexpr const char* kUserId = "userId";

struct NamedRight {
  const char* name;
  bool UserRights::* right;
};
constexpr std::array kRights{NamedRight{"upload", &UserRights::upload},
                             NamedRight{"download", &UserRights::download},
                             NamedRight{"admin", &UserRights::admin}};

std::unexpected<Error> fail_at(const YAML::Mark& mark, const std::string& why) {
  return fail(Code::invalid,
              "the zone's settings, line " + std::to_string(std::max(mark.line, 0) + 1) + ": " + why);
}

// Looks at a text before it is loaded: for what can make a small text a huge value, or mean another than it
// seems to.
class PlainYaml : public YAML::EventHandler {
 public:
  // The first place with something else than plain values, and what.
  std::optional<std::pair<YAML::Mark, const char*>> fault;
  int documents = 0;

 private:
  void look(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) note(mark, "an anchor (&) is not allowed here");
    // yaml-cpp calls a plain value "?", a quoted one "!", and leaves the rest empty.
    if (!tag.empty() && tag != "?" && tag != "!") note(mark, "a tag (!) is not allowed here");
  }
  void note(const YAML::Mark& mark, const char* what) {
    if (!fault) fault.emplace(mark, what);
  }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents > 1) note(mark, "a second document begins");
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { look(mark, "", anchor); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    note(mark, "an alias (*) is not allowed here");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string&) override {
    look(mark, tag, anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    look(mark, tag, anchor);
  }
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    look(mark, tag, anchor);
  }
  void OnMapEnd() override {}
};

Result<YAML::Node> load_plain(const std::string& text) {
  if (text.size() > kYamlBytesMax)
    return fail(Code::invalid, "the zone's settings have " + std::to_string(text.size()) +
                                   " bytes; at most " + std::to_string(kYamlBytesMax) + " are read");
  if (!is_utf8(text)) return fail(Code::invalid, "the zone's settings are not UTF-8");
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    PlainYaml plain;
    while (parser.HandleNextDocument(plain) && !plain.fault) {
    }
    if (plain.fault) return fail_at(plain.fault->first, plain.fault->second);
    return YAML::Load(text);
  } catch (const YAML::Exception& error) {
    return fail_at(error.mark, "this is no YAML: " + error.msg);
  }
}

std::string key_of(const YAML::Node& key) {
  return key.IsScalar() ? key.Scalar() : std::string();
}

// A mapping without any key twice; yaml-cpp would take the first.
Result<> check_mapping(const YAML::Node& node, const std::string& what) {
  if (!node.IsMap()) return fail_at(node.Mark(), what + " must be lines of the form \"name: value\"");
  std::set<std::string> seen;
  for (const auto& entry : node) {
    const std::string key = key_of(entry.first);
    if (!seen.insert(key).second)
      return fail_at(entry.first.Mark(), "\"" + printable(key.substr(0, 80)) + "\" comes twice");
  }
  return {};
}

std::unexpected<Error> fail_key(const YAML::Node& key, const std::string& known) {
  return fail_at(key.Mark(),
                 "unknown name \"" + printable(key_of(key).substr(0, 80)) + "\" (known are " + known + ")");
}

// What YAML takes for something else than text, unless it is in quotes.
bool is_text(const YAML::Node& node) {
  if (!node.IsScalar()) return false;
  if (node.Tag() == "!") return true;
  const std::string& text = node.Scalar();
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_number = error == std::errc() && end == text.data() + text.size();
  return !is_number && text != "true" && text != "false";
}

Result<bool> bool_of(const YAML::Node& key, const YAML::Node& node) {
  if (node.IsScalar() && node.Tag() != "!") {
    if (node.Scalar() == "true") return true;
    if (node.Scalar() == "false") return false;
  }
  return fail_at(key.Mark(), key.Scalar() + " must be true or false");
}

Result<> take_user(const YAML::Node& node, ZoneSettings& into) {
  KACHERY_TRY(check_mapping(node, "an authorized user"));
  std::optional<UserName> user;
  UserRights rights;
  for (const auto& entry : node) {
    const std::string key = key_of(entry.first);
    const auto* right = std::ranges::find(kRights, key, &NamedRight::name);
    if (right != kRights.end()) {
      KACHERY_TRY(granted, bool_of(entry.first, entry.second));
      rights.*(right->right) = granted;
    } else if (key == kUserId) {
      if (!is_text(entry.second))
        return fail_at(entry.second.Mark(),
                       "userId must be a name; put it in quotes if it looks like a number");
      Result<UserName> name = UserName::parse(entry.second.Scalar());
      if (!name) return fail_at(entry.second.Mark(), name.error().message);
      user = *std::move(name);
    } else {
      return fail_key(entry.first, "userId, upload, download, admin");
    }
  }
  if (!user) return fail_at(node.Mark(), "this authorized user has no userId");
  if (!into.users.try_emplace(*user, rights).second)
    return fail_at(node.Mark(), "the user " + user->str() + " comes twice");
  if (into.users.size() > kUsersMax)
    return fail_at(node.Mark(), "more than " + std::to_string(kUsersMax) + " users");
  return {};
}

Result<> take_users(const YAML::Node& node, ZoneSettings& into) {
  if (!node.IsSequence()) return fail_at(node.Mark(), "authorizedUsers must be a list; [] for nobody");
  for (const auto& user : node) KACHERY_TRY(take_user(user, into));
  return {};
}

Result<ZoneSettings> settings_of(const YAML::Node& root) {
  KACHERY_TRY(check_mapping(root, "the settings"));
  ZoneSettings settings;
  std::vector<std::string> missing{kPublicUpload, kUsers};
  for (const auto& entry : root) {
    const std::string key = key_of(entry.first);
    if (key == kPublicUpload || key == kPublicDownload) {
      KACHERY_TRY(allowed, bool_of(entry.first, entry.second));
      (key == kPublicUpload ? settings.public_upload : settings.public_download) = allowed;
    } else if (key == kUsers) {
      KACHERY_TRY(take_users(entry.second, settings));
    } else {
      return fail_key(entry.first, "allowPublicUpload, allowPublicDownload, authorizedUsers");
    }
    std::erase(missing, key);
  }
  if (!missing.empty()) return fail_at(root.Mark(), missing.front() + " is missing");
  return settings;
}

const char* word(bool value) {
  return value ? "true" : "false";
}

}  // namespace

Result<ZoneSettings> ZoneSettings::parse_yaml(const std::string& text) {
  KACHERY_TRY(root, load_plain(text));
  try {
    return settings_of(root);
  } catch (const YAML::Exception& error) {
    return fail_at(error.mark, error.msg);
  }
}

std::string ZoneSettings::yaml() const {
  std::string text;
  text += std::string(kPublicUpload) + ": " + word(public_upload) + "\n";
  text += std::string(kPublicDownload) + ": " + word(public_download) + "\n";
  text += std::string(kUsers) + (users.empty() ? ": []\n" : ":\n");
  for (const auto& [user, rights] : users) {
    text += "  - " + std::string(kUserId) + ": \"" + user.str() + "\"\n";
    for (const auto& [name, right] : kRights)
      text += std::string("    ") + name + ": " + word(rights.*right) + "\n";
  }
  return text;
}

}  // namespace kachery::hub
