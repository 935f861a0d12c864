// The code of Beast that is not in its headers, compiled once.
#include <boost/beast/src.hpp>
