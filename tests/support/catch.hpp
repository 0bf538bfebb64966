// Catch2's version in one place (Debian 12 has 2.13).
#pragma once

#include <catch2/catch.hpp>
