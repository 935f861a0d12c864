#include "remote/hub.h"
