// The code of Asio's TLS that is not in its headers, compiled once.
#include <boost/asio/ssl/impl/src.hpp>
