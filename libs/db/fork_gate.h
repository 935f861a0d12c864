// InSqlite: keeps a fork from happening while a thread is inside SQLite.
#pragma once

namespace kachery {

// SQLite's own locks (of its allocator, for one) would stay held in the child for ever if another thread had
// them at the moment of the fork. So whoever calls SQLite makes one of these; a fork waits until nobody has
// any, and who comes meanwhile waits for the fork. May be nested.
class InSqlite {
 public:
  InSqlite();
  InSqlite(const InSqlite&) = delete;
  InSqlite& operator=(const InSqlite&) = delete;
  ~InSqlite();
};

}  // namespace kachery
