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
