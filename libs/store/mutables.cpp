#include "store/mutables.h"

#include <map>

#include "crypto/hasher.h"
#include "json/json.h"

namespace kachery {
namespace {

constexpr const char* kFile = "mutables.db";
constexpr const char* kSchema =
    "CREATE TABLE IF NOT EXISTS mutables(sha1 TEXT PRIMARY KEY, key TEXT, value TEXT)";

struct Key {
  std::string text;  // Canonical.
  std::string sha1;
};

// A row without a value says that the key was deleted, though an older directory still has it.
struct Row {
  std::optional<std::string> value;
};

Result<json::Value> parse_given(std::string_view text, std::string_view what) {
  Result<json::Value> value = json::parse(text);
  std::string message = "the ";
  message += what;
  message += " of a mutable ";
  if (!value) return fail(Code::invalid, message + "cannot be used: " + value.error().message);
  if (value->is_null()) return fail(Code::invalid, message + "cannot be null (None)");
  return value;
}

// gen1's daemon kept its feeds' private keys, and codes that let others in, among everybody's mutables.
bool is_reserved(const json::Value& key) {
  if (const std::string* text = key.if_string()) return *text == "_other_client_auth_codes";
  const json::Value* type = key.find("type");
  return type != nullptr && type->if_string() != nullptr && *type->if_string() == "feedConfig" &&
         key.find("feedId") != nullptr && key.if_object()->size() == 2;
}

Result<Key> key_of(std::string_view text) {
  KACHERY_TRY(value, parse_given(text, "key"));
  if (is_reserved(value))
    return fail(Code::denied, "this mutable is reserved: the daemon of kachery_client keeps secrets there");
  if (!json::integers_are_exact(text))
    return fail(Code::invalid,
                "the key of a mutable cannot have integers beyond 9007199254740991 (2^53-1), where older "
                "programs take neighbours for each other; write them as strings");
  std::string canonical = json::canonical(value);
  std::string sha1 = Hasher::of(Algorithm::sha1, as_bytes(canonical)).hex();
  return Key{std::move(canonical), std::move(sha1)};
}

Result<std::optional<Row>> find(Database& database, const std::string& sha1) {
  KACHERY_TRY(select, database.prepare("SELECT value FROM mutables WHERE sha1 = ?1"));
  KACHERY_TRY(found, select.bind(1, sha1).step());
  if (!found) return std::nullopt;
  if (select.is_null(0)) return Row{};
  return Row{std::string(select.column_text(0))};
}

Result<> put(Database& database, const Key& key, const std::optional<std::string_view>& value) {
  KACHERY_TRY(insert, database.prepare("INSERT OR REPLACE INTO mutables VALUES(?1, ?2, ?3)"));
  insert.bind(1, key.sha1).bind(2, key.text);
  if (value) {
    insert.bind(3, *value);
  } else {
    insert.bind(3, nullptr);
  }
  return insert.run();
}

Result<> erase(Database& database, const Key& key) {
  KACHERY_TRY(statement, database.prepare("DELETE FROM mutables WHERE sha1 = ?1"));
  return statement.bind(1, key.sha1).run();
}

// Null where an older directory has none.
Result<std::optional<Database>> open_older(const std::filesystem::path& directory) {
  std::error_code error;
  const std::filesystem::path path = std::filesystem::canonical(directory / kFile, error);
  if (error) return std::nullopt;
  KACHERY_TRY(database, Database::open_read_only(path));
  KACHERY_TRY(select, database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'mutables'"));
  KACHERY_TRY(has_table, select.step());
  if (!has_table) return std::nullopt;
  select.reset();
  return std::optional(std::move(database));
}

// Adds the rows of a database, but for those that a newer one has already.
Result<> collect(Database& database, std::map<std::string, Row>& rows) {
  KACHERY_TRY(select, database.prepare("SELECT key, value FROM mutables"));
  for (;;) {
    KACHERY_TRY(found, select.step());
    if (!found) return {};
    Row row;
    if (!select.is_null(1)) row.value = select.column_text(1);
    rows.try_emplace(std::string(select.column_text(0)), std::move(row));
  }
}

}  // namespace

// Null if there is none and none is to be made.
Result<Database*> Mutables::open(Missing missing) {
  if (database_) return &*database_;
  if (missing == Missing::create) KACHERY_TRY(make_own_directory(directory_, audience_));
  std::error_code error;
  const std::filesystem::path directory = std::filesystem::canonical(directory_, error);
  if (error == std::errc::no_such_file_or_directory) return nullptr;
  if (error) return fail_errno(error.value(), "cannot open the directory " + directory_.native());
  const std::filesystem::path path = directory / kFile;
  if (missing == Missing::fail && !std::filesystem::exists(path, error)) return nullptr;

  create_shared_file(path, Audience::writers);
  Result<Database> database = Database::open(path, Durability::full, Journal::rollback);
  // Somebody else's, which we may look at.
  if (!database && database.error().code == Code::denied) database = Database::open_read_only(path);
  if (!database) return std::unexpected(std::move(database).error());
  KACHERY_TRY(database->run(kSchema));
  database_ = *std::move(database);
  return &*database_;
}

Result<std::optional<std::string>> Mutables::find_older(const std::string& sha1) const {
  for (const auto& directory : older_) {
    KACHERY_TRY(database, open_older(directory));
    if (!database) continue;
    KACHERY_TRY(row, find(*database, sha1));
    if (row && row->value) return *std::move(row->value);
  }
  return std::nullopt;
}

Result<std::optional<std::string>> Mutables::get(std::string_view key_text) {
  KACHERY_TRY(key, key_of(key_text));
  const std::scoped_lock lock(mutex_);
  KACHERY_TRY(database, open(Missing::fail));
  if (database != nullptr) {
    KACHERY_TRY(row, find(*database, key.sha1));
    if (row) return std::move(row->value);
  }
  return find_older(key.sha1);
}

Result<bool> Mutables::set(std::string_view key_text, std::string_view value, Existing existing) {
  KACHERY_TRY(key, key_of(key_text));
  KACHERY_TRY(parse_given(value, "value"));
  const std::scoped_lock lock(mutex_);
  KACHERY_TRY(database, open(Missing::create));
  KACHERY_TRY(transaction, Transaction::begin(*database));
  if (existing == Existing::keep) {
    KACHERY_TRY(row, find(*database, key.sha1));
    KACHERY_TRY(older, find_older(key.sha1));
    if (row ? row->value.has_value() : older.has_value()) return false;
  }
  KACHERY_TRY(put(*database, key, value));
  KACHERY_TRY(transaction.commit());
  return true;
}

Result<bool> Mutables::remove(std::string_view key_text) {
  KACHERY_TRY(key, key_of(key_text));
  const std::scoped_lock lock(mutex_);
  KACHERY_TRY(older, find_older(key.sha1));
  KACHERY_TRY(database, open(older ? Missing::create : Missing::fail));
  if (database == nullptr) return false;
  KACHERY_TRY(transaction, Transaction::begin(*database));
  KACHERY_TRY(row, find(*database, key.sha1));
  if (row ? !row->value.has_value() : !older.has_value()) return false;
  KACHERY_TRY(older ? put(*database, key, std::nullopt) : erase(*database, key));
  KACHERY_TRY(transaction.commit());
  return true;
}

Result<std::vector<Mutable>> Mutables::list() {
  const std::scoped_lock lock(mutex_);
  std::map<std::string, Row> rows;
  KACHERY_TRY(own, open(Missing::fail));
  if (own != nullptr) KACHERY_TRY(collect(*own, rows));
  for (const auto& directory : older_) {
    KACHERY_TRY(database, open_older(directory));
    if (database) KACHERY_TRY(collect(*database, rows));
  }
  std::vector<Mutable> mutables;
  for (auto& [key, row] : rows) {
    const auto parsed = json::parse(key);
    if (row.value && parsed && !is_reserved(*parsed)) mutables.push_back({key, *std::move(row.value)});
  }
  return mutables;
}

}  // namespace kachery
