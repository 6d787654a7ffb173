# Covariance structures as R sees them. Which structures there are, how many parameters they have
# and what these are called comes from the compiled registry; nothing here knows a structure.

# The registry does not change during a session, so it is asked once.
covariance_cache <- new.env(parent = emptyenv())

covariance_names <- function() {
  if (is.null(covariance_cache$names)) covariance_cache$names <- covariance_names_cpp()
  covariance_cache$names
}

# Other spellings that users bring from SAS and other packages.
covariance_aliases <- c(un = "us", homdiag = "id")

# Structures that the grammar knows and this version cannot fit yet.
covariance_planned <- c("cs", "csh", "ar1", "ar1h", "toep", "toeph", "ante", "arma11", "hf", "fa",
                        "rr", "lin", "ou", "sp_pow", "sp_exp", "sp_gau", "sp_sph", "sp_lin",
                        "sp_mat", "car", "known", "adh", "homcs", "hetar1", "exp", "gau", "mat")

# All names that can stand before a bar term.
covariance_words <- function() c(covariance_names(), names(covariance_aliases))

resolve_covariance <- function(name) {
  if (name %in% names(covariance_aliases)) covariance_aliases[[name]] else name
}

# "sd_(Intercept)|Subject", "sd_Days|Subject", "cor_Days.(Intercept)|Subject"
covariance_parameter_names <- function(structure, columns, group) {
  paste0(covariance_parameter_names_cpp(structure, columns), "|", group)
}

covariance_parameter_count <- function(structure, k) {
  covariance_parameter_count_cpp(structure, as.integer(k))
}

# What the parameters of a structure of k columns are: `type` ("sd" or "cor"), `row` and `column` of
# the covariance matrix where each stands (0: of all columns or pairs), `lower`, `upper`.
covariance_parameters <- function(structure, k) {
  covariance_parameters_cpp(structure, as.integer(k))
}

has_correlations <- function(structure, k) "cor" %in% covariance_parameters(structure, k)$type

# Row and column of its factor where each parameter stands; no rows where they are no entries of it.
covariance_entries <- function(structure, k) covariance_entries_cpp(structure, as.integer(k))

# The factor with these standard deviations and correlations; NULL where no covariance matrix has
# them.
covariance_factor <- function(structure, k, natural) {
  factor <- covariance_factor_cpp(structure, as.integer(k), natural)
  if (nrow(factor) == k) factor
}

# Symmetric matrices E_a in whose span the covariance matrix moves when its parameters do: an entry
# on or beside the diagonal, or all of them, for each standard deviation and correlation.
covariance_directions <- function(structure, k) {
  about <- covariance_parameters(structure, k)
  lapply(seq_along(about$type), function(a) {
    E <- matrix(0, k, k)
    if (about$type[a] == "sd") {
      diag(E) <- about$row[a] %in% 0L | seq_len(k) == about$row[a]
    } else if (about$row[a] == 0L) {
      E[] <- 1
      diag(E) <- 0
    } else {
      E[about$row[a], about$column[a]] <- E[about$column[a], about$row[a]] <- 1
    }
    E
  })
}
