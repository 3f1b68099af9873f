// The system's header, under a name that a module map can find (Debian: libnghttp2-dev).
#include <nghttp2/nghttp2.h>
