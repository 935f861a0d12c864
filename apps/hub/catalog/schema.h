// The tables of the catalog. docs/formats/catalog.md.
#pragma once

#include <array>

namespace kachery::hub {

// What makes a catalog of version n from one of version n - 1 stands at n - 1; the first makes it from
// nothing. What was released is never changed.
constexpr std::array<const char*, 3> kSchemaSteps{R"sql(
CREATE TABLE users(
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, disabled INTEGER NOT NULL DEFAULT 0,
  created_ms INTEGER NOT NULL);
CREATE TABLE nodes(
  id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE CHECK(length(key) = 32),
  user INTEGER NOT NULL REFERENCES users, label TEXT NOT NULL, created_ms INTEGER NOT NULL,
  revoked_ms INTEGER);
CREATE INDEX nodes_of_user ON nodes(user);
CREATE TABLE pending(
  node BLOB PRIMARY KEY CHECK(length(node) = 32), code TEXT NOT NULL UNIQUE, label TEXT NOT NULL, user TEXT,
  expires_ms INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE zones(
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, owner INTEGER NOT NULL REFERENCES users,
  created_ms INTEGER NOT NULL, public_upload INTEGER NOT NULL DEFAULT 0,
  public_download INTEGER NOT NULL DEFAULT 1, bytes_max INTEGER, objects_max INTEGER,
  bytes INTEGER NOT NULL DEFAULT 0, objects INTEGER NOT NULL DEFAULT 0,
  CHECK(bytes >= 0 AND objects >= 0));
CREATE TABLE rights(
  zone INTEGER NOT NULL REFERENCES zones ON DELETE CASCADE, user TEXT NOT NULL,
  upload INTEGER NOT NULL, download INTEGER NOT NULL, admin INTEGER NOT NULL,
  PRIMARY KEY(zone, user)) WITHOUT ROWID;
CREATE TABLE accounts(
  zone INTEGER NOT NULL REFERENCES zones ON DELETE CASCADE, user INTEGER NOT NULL REFERENCES users,
  bytes_max INTEGER, objects_max INTEGER,
  bytes INTEGER NOT NULL DEFAULT 0, objects INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY(zone, user), CHECK(bytes >= 0 AND objects >= 0)) WITHOUT ROWID;
CREATE TABLE invitations(
  token_hash BLOB PRIMARY KEY CHECK(length(token_hash) = 32), id TEXT NOT NULL UNIQUE, user TEXT NOT NULL,
  uses_left INTEGER NOT NULL, expires_ms INTEGER NOT NULL,
  zone INTEGER REFERENCES zones ON DELETE CASCADE,
  upload INTEGER NOT NULL, download INTEGER NOT NULL, admin INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX invitations_of_zone ON invitations(zone);
CREATE TABLE usage(
  zone INTEGER NOT NULL REFERENCES zones ON DELETE CASCADE, day TEXT NOT NULL, node BLOB NOT NULL,
  uploads INTEGER NOT NULL, upload_bytes INTEGER NOT NULL, downloads INTEGER NOT NULL,
  download_bytes INTEGER NOT NULL, PRIMARY KEY(zone, day, node)) WITHOUT ROWID;

CREATE TABLE objects(
  id INTEGER PRIMARY KEY, zone INTEGER NOT NULL REFERENCES zones ON DELETE CASCADE,
  sha256 BLOB NOT NULL CHECK(length(sha256) = 32), file BLOB NOT NULL, state INTEGER NOT NULL,
  size INTEGER, sha1 BLOB, refs INTEGER NOT NULL DEFAULT 0, CHECK(refs >= 0), UNIQUE(zone, sha256, file));
CREATE INDEX objects_loose ON objects(id) WHERE refs = 0;
CREATE TABLE files(
  id INTEGER PRIMARY KEY, zone INTEGER NOT NULL REFERENCES zones ON DELETE CASCADE,
  digest BLOB NOT NULL CHECK(length(digest) IN (20, 32)), size INTEGER NOT NULL,
  object INTEGER REFERENCES objects, UNIQUE(zone, digest));
CREATE INDEX files_of_object ON files(object) WHERE object IS NOT NULL;
CREATE TABLE grants(
  file INTEGER NOT NULL REFERENCES files ON DELETE CASCADE, kind TEXT NOT NULL,
  user INTEGER NOT NULL REFERENCES users, node INTEGER NOT NULL REFERENCES nodes,
  zone INTEGER NOT NULL, stored_ms INTEGER NOT NULL, bytes INTEGER NOT NULL,
  PRIMARY KEY(file, kind, user)) WITHOUT ROWID;
CREATE INDEX grants_of_user ON grants(zone, user, file);
CREATE TABLE claims(
  id INTEGER PRIMARY KEY, file INTEGER NOT NULL REFERENCES files ON DELETE CASCADE,
  object INTEGER NOT NULL REFERENCES objects, size INTEGER NOT NULL,
  user INTEGER NOT NULL REFERENCES users, node INTEGER NOT NULL REFERENCES nodes, signature BLOB,
  checked INTEGER NOT NULL DEFAULT 0, UNIQUE(file, object));
CREATE INDEX claims_of_object ON claims(object);
CREATE INDEX claims_unchecked ON claims(id) WHERE checked = 0;
CREATE TABLE parts(
  claim INTEGER NOT NULL REFERENCES claims ON DELETE CASCADE, position INTEGER NOT NULL,
  object INTEGER NOT NULL REFERENCES objects, page INTEGER NOT NULL,
  PRIMARY KEY(claim, position)) WITHOUT ROWID;
CREATE INDEX parts_of_object ON parts(object);
CREATE TABLE uploads(
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,
  zone INTEGER NOT NULL REFERENCES zones ON DELETE CASCADE,
  user INTEGER NOT NULL REFERENCES users, node INTEGER NOT NULL REFERENCES nodes,
  digest BLOB NOT NULL, size INTEGER NOT NULL, object INTEGER NOT NULL REFERENCES objects,
  announced INTEGER NOT NULL DEFAULT 0, state INTEGER NOT NULL DEFAULT 0, expires_ms INTEGER NOT NULL);
CREATE INDEX uploads_of_node ON uploads(zone, node, digest);
CREATE INDEX uploads_of_object ON uploads(object);
CREATE INDEX uploads_by_expiry ON uploads(expires_ms);
CREATE TABLE leases(
  upload INTEGER NOT NULL REFERENCES uploads ON DELETE CASCADE,
  object INTEGER NOT NULL REFERENCES objects, size INTEGER NOT NULL, proven INTEGER NOT NULL,
  PRIMARY KEY(upload, object)) WITHOUT ROWID;
CREATE INDEX leases_of_object ON leases(object);
CREATE TABLE collections(count INTEGER NOT NULL);
INSERT INTO collections VALUES(0);

CREATE TRIGGER file_refers AFTER INSERT ON files WHEN new.object IS NOT NULL BEGIN
  UPDATE objects SET refs = refs + 1 WHERE id = new.object; END;
CREATE TRIGGER file_changes AFTER UPDATE OF object ON files BEGIN
  UPDATE objects SET refs = refs + 1 WHERE id = new.object;
  UPDATE objects SET refs = refs - 1 WHERE id = old.object; END;
CREATE TRIGGER file_leaves AFTER DELETE ON files WHEN old.object IS NOT NULL BEGIN
  UPDATE objects SET refs = refs - 1 WHERE id = old.object; END;
CREATE TRIGGER claim_refers AFTER INSERT ON claims BEGIN
  UPDATE objects SET refs = refs + 1 WHERE id = new.object; END;
CREATE TRIGGER claim_leaves AFTER DELETE ON claims BEGIN
  UPDATE objects SET refs = refs - 1 WHERE id = old.object; END;
CREATE TRIGGER part_refers AFTER INSERT ON parts BEGIN
  UPDATE objects SET refs = refs + 1 WHERE id = new.object; END;
CREATE TRIGGER part_leaves AFTER DELETE ON parts BEGIN
  UPDATE objects SET refs = refs - 1 WHERE id = old.object; END;
CREATE TRIGGER upload_refers AFTER INSERT ON uploads BEGIN
  UPDATE objects SET refs = refs + 1 WHERE id = new.object; END;
CREATE TRIGGER upload_leaves AFTER DELETE ON uploads BEGIN
  UPDATE objects SET refs = refs - 1 WHERE id = old.object; END;
CREATE TRIGGER lease_refers AFTER INSERT ON leases BEGIN
  UPDATE objects SET refs = refs + 1 WHERE id = new.object; END;
CREATE TRIGGER lease_leaves AFTER DELETE ON leases BEGIN
  UPDATE objects SET refs = refs - 1 WHERE id = old.object; END;
)sql",
                                                  R"sql(
CREATE TABLE resources(
  zone INTEGER NOT NULL REFERENCES zones ON DELETE CASCADE, name TEXT NOT NULL,
  node INTEGER NOT NULL REFERENCES nodes, proxy_url TEXT, older INTEGER NOT NULL, created_ms INTEGER NOT NULL,
  PRIMARY KEY(zone, name)) WITHOUT ROWID;
CREATE INDEX resources_of_node ON resources(node);
)sql",
                                                  R"sql(
CREATE TABLE channels(
  id INTEGER PRIMARY KEY, zone INTEGER NOT NULL REFERENCES zones ON DELETE CASCADE, name TEXT NOT NULL,
  owner INTEGER NOT NULL REFERENCES users, description TEXT NOT NULL, created_ms INTEGER NOT NULL,
  UNIQUE(zone, name));
CREATE INDEX channels_of_owner ON channels(owner);
CREATE TABLE members(
  channel INTEGER NOT NULL REFERENCES channels ON DELETE CASCADE, node INTEGER NOT NULL REFERENCES nodes,
  granted INTEGER NOT NULL, wanted INTEGER NOT NULL, PRIMARY KEY(channel, node)) WITHOUT ROWID;
CREATE INDEX members_of_node ON members(node);
CREATE TABLE channel_invitations(
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,
  channel INTEGER NOT NULL REFERENCES channels ON DELETE CASCADE,
  code_hash BLOB NOT NULL CHECK(length(code_hash) = 32), is_passcode INTEGER NOT NULL,
  roles INTEGER NOT NULL, uses_left INTEGER, expires_ms INTEGER, UNIQUE(channel, code_hash));
CREATE TABLE entered(
  channel INTEGER NOT NULL, node INTEGER NOT NULL,
  invitation INTEGER NOT NULL REFERENCES channel_invitations ON DELETE CASCADE, roles INTEGER NOT NULL,
  PRIMARY KEY(channel, node, invitation),
  FOREIGN KEY(channel, node) REFERENCES members ON DELETE CASCADE) WITHOUT ROWID;
CREATE INDEX entered_by_invitation ON entered(invitation);
CREATE INDEX grants_of_channel ON grants(zone, kind, file) WHERE kind <> 'zone';
ALTER TABLE uploads ADD COLUMN kind TEXT NOT NULL DEFAULT 'zone';
ALTER TABLE claims ADD COLUMN kind TEXT NOT NULL DEFAULT 'zone';
)sql"};

constexpr int kSchemaVersion = static_cast<int>(kSchemaSteps.size());

// What a row of `objects` says of the bytes in the bucket.
enum class ObjectState {
  expected = 0,  // Some upload may send them; perhaps they are there.
  here = 1,
  doomed = 2,  // Being deleted.
};

enum class UploadRowState { open = 0, committed = 1, abandoned = 2 };

}  // namespace kachery::hub
