# The eleven one-way sets of the NIST Statistical Reference Datasets (public domain,
# www.itl.nist.gov/div898/strd/anova) as random-effects models. They are balanced, so that the
# REML answer is a closed form of the two mean squares.

nist_sets <- c("SiRstv", "AtmWtAg", paste0("SmLs0", 1:9))

nist_data <- function(name) {
  switch(name, SiRstv = silicon_data(), AtmWtAg = silver_data(), simulated_data(name))
}

# Resistivity of silicon, five instruments with five readings each.
silicon_data <- function() {
  digits <- c(3052, 1240, 1890, 2569, 3403, 3042, 3825, 1669, 3257, 0422, 1303, 2005, 2889,
              0343, 1811, 2795, 1748, 1494, 1485, -115, 2119, 1051, 1850, 0052, 2090)
  data.frame(g = gl(5, 5), y = as.numeric(sprintf("%.4f", 196 + digits / 1e4)))
}

# Atomic weight of silver: 107.868 and these units in the seventh decimal, two instruments.
silver_data <- function() {
  units <- c(1568, 1465, 1572, 1785, 1446, 1903, 1526, 1494, 1616, 1587, 1519, 1486,
             1419, 1569, 1508, 1672, 1385, 1518, 1662, 1424, 1360, 1333, 1610, 1477,
             1079, 1344, 1513, 1197, 1604, 1385, 1642, 1365, 1151, 1082, 1517, 1448,
             1198, 1482, 1334, 1609, 1101, 1512, 1469, 1360, 1254, 1261, 1450, 1368)
  data.frame(g = gl(2, 24), y = as.numeric(paste0("107.868", units)))
}

# Simon and Lesage: nine groups of 21, 201 or 2001 values with up to 13 constant leading digits.
simulated_data <- function(name) {
  which <- as.integer(sub("SmLs", "", name))
  leading <- c("1", "1000000", "1000000000000")[ceiling(which / 3)]
  size <- c(21, 201, 2001)[(which - 1) %% 3 + 1]
  middle <- c(4, 3, 5, 3, 5, 3, 5, 3, 5)
  step <- c(0, rep(c(-1, 1), length.out = size - 1))
  tenths <- rep(middle, each = size) + rep(step, 9)
  data.frame(g = gl(9, size), y = as.numeric(paste0(leading, ".", tenths)))
}

# The exact answer for the numbers as they are stored. Subtracting one of the observations is
# exact for these data, so that the sums lose nothing.
nist_answer <- function(d) {
  groups <- nlevels(d$g)
  size <- nrow(d) / groups
  n <- nrow(d)
  z <- d$y - d$y[1L]
  mean_of <- tapply(z, d$g, mean)
  mean_of <- mean_of + tapply(z - mean_of[d$g], d$g, mean) # what rounding of the mean left over
  within <- sum((z - mean_of[d$g])^2)
  between <- size * sum((mean_of - mean(mean_of))^2)
  mean_within <- within / (groups * (size - 1))
  mean_between <- between / (groups - 1)
  if (mean_between > mean_within) {
    sigma2 <- mean_within
    log_det <- groups * (size - 1) * log(mean_within) + (groups - 1) * log(mean_between)
  } else {
    sigma2 <- (within + between) / (n - 1)
    log_det <- (n - 1) * log(sigma2)
  }
  list(sigma2 = sigma2, var_g = max(0, (mean_between - mean_within) / size),
       log_lik = -0.5 * ((n - 1) * log(2 * pi) + log_det + log(n) + (n - 1)))
}

# Correct digits: minus the decimal logarithm of the relative error, from 0 to 15.
correct_digits <- function(x, truth) {
  if (!is.finite(x)) return(0)
  if (x == truth) return(15)
  max(0, min(15, -log10(abs((x - truth) / truth))))
}
