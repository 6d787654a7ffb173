library(testthat)
library(tiers)

test_check("tiers")
