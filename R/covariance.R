# Covariance structures as R sees them. Which structures there are, how many parameters they have
# and what these are called comes from the compiled registry; nothing here knows a structure.

# The registry does not change during a session, so it is asked once.
covariance_cache <- new.env(parent = emptyenv())

# A data frame with a row for each structure: `name`; whether it has a variance for `each` column;
# the one with the same correlations and the `other_scale` ("": none); whether correlations follow
# from `distances`, in whole `steps` of time, with a parameter for each of the `lags`; and whether
# it takes `nugget`, `band`, `smoothness` and the `orders` p and q.
covariance_traits <- function() {
  if (is.null(covariance_cache$traits)) {
    covariance_cache$traits <- as.data.frame(covariance_traits_cpp(residual = FALSE))
  }
  covariance_cache$traits
}

covariance_names <- function() covariance_traits()$name

structure_traits <- function(name) {
  traits <- covariance_traits()
  as.list(traits[match(name, traits$name), ])
}

# Other spellings that users bring from SAS and other packages.
covariance_aliases <- c(un = "us", homdiag = "id", homcs = "cs", hetar1 = "ar1h", adh = "ante",
                        car = "ou", exp = "sp_exp", gau = "sp_gau", mat = "sp_mat")

# Structures that the grammar knows and this version cannot fit yet.
covariance_planned <- c("hf", "fa", "rr", "lin", "known")

# All names that can stand before a bar term.
covariance_words <- function() c(covariance_names(), names(covariance_aliases))

resolve_covariance <- function(name) {
  if (name %in% names(covariance_aliases)) covariance_aliases[[name]] else name
}

# What a term's structure is made from: its name, or a list with what else is known (structures.R).
structure_recipe <- function(term) term$recipe %||% term$structure

term_size <- function(term) length(term$columns)

# "sd_(Intercept)|Subject", "sd_Days|Subject", "cor_Days.(Intercept)|Subject"
covariance_parameter_names <- function(term) {
  paste0(covariance_parameter_names_cpp(structure_recipe(term), term$columns), "|", term$group)
}

covariance_parameter_count <- function(term) {
  covariance_parameter_count_cpp(structure_recipe(term), term_size(term))
}

# What the parameters of a term are: `type` ("sd", "cor", or "structure" for what correlations
# follow from), `row` and `column` of the covariance matrix where each stands (0: of all columns or
# pairs), `lower`, `upper`.
covariance_parameters <- function(term) {
  covariance_parameters_cpp(structure_recipe(term), term_size(term))
}

has_correlations <- function(term) any(covariance_parameters(term)$type != "sd")

# Row and column of its factor where each parameter stands; no rows where they are no entries of it.
covariance_entries <- function(term) covariance_entries_cpp(structure_recipe(term), term_size(term))

# The factor with these natural values; NULL where no covariance matrix has them.
covariance_factor <- function(term, natural) {
  factor <- covariance_factor_cpp(structure_recipe(term), term_size(term), natural)
  if (nrow(factor) == term_size(term)) factor
}

# Natural values of a covariance matrix of the structure, and its derivatives by them: list(value,
# directions).
covariance_natural <- function(term, Sigma) {
  covariance_natural_cpp(structure_recipe(term), unname(Sigma))
}

# Is the covariance matrix linear in its variances and covariances, common or each?
is_linear_structure <- function(term) {
  about <- covariance_parameters(term)
  cor <- about$type == "cor"
  k <- term_size(term)
  if (any(about$type == "structure")) return(FALSE)
  if (!any(cor)) return(TRUE)
  common <- about$row == 0L
  all(common) || (!any(common) && sum(cor) == k * (k - 1L) / 2)
}

# Symmetric matrices E_a in whose span the covariance matrix moves when its parameters do: an entry
# on or beside the diagonal, or all of them, for each standard deviation and correlation; at Sigma
# where the structure is not linear.
covariance_directions <- function(term, Sigma) {
  if (!is_linear_structure(term)) return(covariance_natural(term, Sigma)$directions)
  k <- term_size(term)
  about <- covariance_parameters(term)
  unname(Map(function(type, row, column) variance_form(k, type, row, column),
             about$type, about$row, about$column))
}
