// SPDX-License-Identifier: Apache-2.0
// Asio's non-template code, compiled once (BOOST_ASIO_SEPARATE_COMPILATION) and not in every file.
#include <boost/asio/impl/src.hpp>
