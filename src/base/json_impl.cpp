// SPDX-License-Identifier: Apache-2.0
// Boost.JSON's non-template code, compiled as our own is: for the static program a third smaller.
#include <boost/json/src.hpp>
