// The code of Asio that is not in its headers, compiled once.
#include <boost/asio/impl/src.hpp>
