// A response family as R names it: family and link by name, or the link as an object of class
// "link-glm" (a list with linkfun, linkinv, mu.eta and valideta). Such a family calls back into R
// with whole vectors, so it must stay in R's thread.
#pragma once

#include <RcppEigen.h>

#include "core/family/family_registry.h"

std::unique_ptr<tiers::ResponseFamily> family_from_r(SEXP family, SEXP link);
