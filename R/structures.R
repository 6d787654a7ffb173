# Arguments of covariance structures, and where the columns of a term stand: what the compiled code
# makes a structure from beside its name.
#
# A recipe is list(name, coordinates, nugget, band, lags, smoothness); `coordinates` has a row for
# each column of the term. NULL: the name says it all.

#' Covariance structures of random effects
#'
#' A bar term `structure(columns | group)` says what the covariance matrix of the columns' effects
#' looks like. Structures for repeated measures have a column for each visit, which is what
#' `0 + factor` gives: `csh(0 + week | id)` with a factor `week`. Those whose correlations follow
#' from distances (`ar1`, `toep`, `arma`, `ou`, the `sp_` structures) have a column for each value
#' of what stands before the bar without being asked, be it a number, a date or a factor:
#' `ar1(week | id)`, `sp_exp(x + y | plot)`.
#'
#' | structure | variances | correlations |
#' |:----------|:----------|:-------------|
#' | `us` (`un`) | each | each: the default |
#' | `diag` | each | none |
#' | `id` (`homdiag`) | one | none |
#' | `cs`, `csh` | one, each | one for all pairs, from -1/(t - 1) for t columns |
#' | `ar1`, `ar1h` | one, each | `cor^h` at a distance of h steps |
#' | `toep`, `toeph` | one, each | one for each distance |
#' | `ante` (`adh`) | each | of neighbours; those of others are the products between them |
#' | `arma11` | one | `gamma * rho^(h - 1)` |
#' | `arma` | one | of an ARMA process of orders `p` and `q` |
#' | `ou` (`car`), `sp_pow` | one | `cor^h`, any distances |
#' | `sp_exp`, `sp_gau` | one | `exp(-h / range)`, `exp(-(h / range)^2)` |
#' | `sp_ratio` | one | `1 / (1 + (h / range)^2)` |
#' | `sp_sph`, `sp_lin` | one | spherical and linear, zero from a distance of `range` on |
#' | `sp_mat` | one | Matern with `range` and `smoothness` |
#'
#' @section Distances:
#' Numbers, and levels that are numbers, stand at these numbers, and gaps count: of weeks 0, 2 and 8
#' the last two are further apart. Dates stand at their days. Other levels stand at 1, 2, ....
#' Levels like `"(1.5,2)"` are places with several coordinates, which `ou` and the `sp_` structures
#' take. `ar1`, `toep` and `arma` count in the largest step of which all gaps are multiples, so that
#' `cor` of `ar1` at ages 8, 10, 12 and 14 is the correlation two years apart.
#'
#' @section Arguments:
#' Constants, after the bar term: `ar1(0 + week | id, hom = FALSE)`.
#' * `hom`: one variance (`TRUE`) or one for each column (`FALSE`).
#' * `nugget = TRUE`: a share of the variance that is each column's own, in `ar1`, `ou` and the
#'   `sp_` structures.
#' * `band = b`: no correlation from lag b on, in `toep`.
#' * `smoothness`: that of `sp_mat`, held at this value.
#' * `p`, `q`: the orders of `arma`, one each by default.
#'
#' @section Parameters:
#' They are called `sd|id`, `cor|id`, `cor_lag2|id`, `range|id` and so on, and [vcov()],
#' [confint()], `start` and `fix` know them by these names. In a model with a `range` or a free
#' `smoothness` variances and correlations have Wald limits only, and cannot be fixed. Kenward and
#' Roger's method takes covariance matrices as linear in their parameters where they are not; tests
#' of variances in [covtest()] and [anova()] say where their distribution is not exact.
#' @name covariance_structures
#' @aliases us cs csh ar1 ar1h toep toeph ante arma11 arma ou sp_pow sp_exp sp_gau sp_ratio sp_sph
#'   sp_lin sp_mat
#' @seealso [lmm()] and [glmm()], whose formulas have them; [VarCorr()][VarCorr.tiers_fit]. The
#'   formulas are in section 5 of `vignette("algorithm", package = "tiers")`.
#' @references
#' Nunez-Anton V, Zimmerman DL (2000). Modeling nonstationary longitudinal data. Biometrics 56,
#' 699-705.
#'
#' Pinheiro JC, Bates DM (2000). Mixed-effects models in S and S-PLUS. Springer.
#' @concept covariance structures
#' @concept autoregressive
#' @concept compound symmetry
#' @concept Toeplitz
#' @concept spatial correlation
#' @concept serial correlation
#' @examples
#' # Serial correlation beside measurement error.
#' fit <- lmm(distance ~ age * Sex + ar1(age | Subject), nlme::Orthodont)
#' fit
#' confint(fit, parm = "cor|Subject")
#' \donttest{
#' anova(lmm(distance ~ age * Sex + toep(age | Subject), nlme::Orthodont), fit)
#' }
NULL

# What a structure can be told; which take it says the compiled registry. All take `hom`.
structure_arguments <- c("hom", "nugget", "band", "smoothness", "p", "q")

# Constants; they are part of the model, and so of its formula.
read_structure_arguments <- function(bar, name) {
  arguments <- as.list(bar)[-(1:2)]
  if (length(arguments) == 0L) return(list())
  known <- structure_arguments
  given <- names(arguments) %||% rep("", length(arguments))
  if (any(!given %in% known)) {
    first <- given[!given %in% known][1L]
    if (first == "by") {
      stop_formula("`{text_of(bar)}`: {.arg by} is not available in this version of tiers.")
    }
    hint <- if (nzchar(first)) did_you_mean(first, known)
    what <- if (nzchar(first)) "has no argument {.arg {first}}{hint}" else {
      "has an argument without a name"
    }
    stop_formula(c(paste0("`{text_of(bar)}`: a covariance structure ", what),
                   i = "The arguments are {.arg {known}}."))
  }
  values <- lapply(arguments, function(e) {
    tryCatch(eval(e, baseenv()), error = function(condition) {
      stop_formula("`{text_of(bar)}`: {text_of(e)} must be a constant.")
    })
  })
  for (argument in given) check_structure_argument(argument, values[[argument]], bar, name)
  values
}

check_structure_argument <- function(argument, value, bar, name) {
  traits <- covariance_traits()
  trait <- if (argument %in% c("p", "q")) "orders" else argument
  takers <- if (argument == "hom") traits$name else traits$name[traits[[trait]]]
  if (!resolve_covariance(name) %in% takers) {
    stop_formula(c("`{text_of(bar)}`: {.code {name}} takes no {.arg {argument}}.",
                   i = "{.code {takers}} {cli::qty(takers)}{?does/do}."))
  }
  flag <- argument %in% c("hom", "nugget")
  whole <- argument %in% c("band", "p", "q")
  least <- if (argument == "band") 1 else 0
  ok <- length(value) == 1L && !is.na(value) && if (flag) is.logical(value) else is.numeric(value)
  if (ok && whole) ok <- value >= least && value == round(value)
  if (ok && !flag && !whole) ok <- value > 0
  if (ok) return(invisible())
  what <- if (flag) "TRUE or FALSE" else {
    if (whole) "a whole number of {least} or more" else "a positive number"
  }
  stop_formula(paste0("`{text_of(bar)}`: {.arg {argument}} must be ", what, "."))
}

# The structure with one variance, or one for each column.
with_scale <- function(name, hom, bar) {
  traits <- structure_traits(name)
  if (is.null(hom) || traits$each == !hom) return(name)
  if (nzchar(traits$other_scale)) return(traits$other_scale)
  has <- if (hom) "a variance for each column" else "one variance for all columns"
  stop_formula("`{text_of(bar)}`: {.code {name}} has {has}.")
}

term_recipe <- function(term) {
  if (!term$structure %in% covariance_names() || covariance_is_plain(term$structure)) return(NULL)
  k <- length(term$columns)
  if (k < 2L) {
    stop_formula(c("`{term$label}` has one column, `{term$columns}`: {.code {term$structure}} needs
                    two or more.",
                   i = "Columns for the levels of a factor are written {.code 0 + factor}."))
  }
  recipe <- c(list(name = term$structure), term$arguments)
  if (identical(c(recipe$p %||% 1, recipe$q %||% 1), c(0, 0))) {
    stop_formula("`{term$label}`: one of {.arg p} and {.arg q} must be 1 or more.")
  }
  traits <- structure_traits(term$structure)
  if (!traits$distances) return(recipe)
  recipe$coordinates <- column_coordinates(term)
  if (!traits$steps) return(recipe)
  if (ncol(recipe$coordinates) > 1L) {
    stop_formula("`{term$label}`: {.code {term$structure}} takes one coordinate, and
                  `{text_of(term$lhs)}` has {ncol(recipe$coordinates)}.")
  }
  recipe$coordinates <- recipe$coordinates / common_step(sort(drop(recipe$coordinates)), term)
  if (!traits$lags) return(recipe)
  recipe$lags <- sort(unique(round(as.double(stats::dist(recipe$coordinates)))))
  recipe
}

# us, diag and id, whose parameters are entries of a factor.
covariance_is_plain <- function(name) nrow(covariance_entries_cpp(name, 2L)) > 0L

# Where the levels of the term's factor are: their values where these are numbers, "(1.5,2)" for
# several coordinates, their places otherwise.
column_coordinates <- function(term) {
  levels <- if (length(term$xlevels) == 1L) term$xlevels[[1L]]
  if (is.null(levels) || length(levels) != length(term$columns)) {
    stop_formula(c("`{term$label}`: {.code {term$structure}} needs columns that are the levels of
                    one factor.",
                   i = "Write {.code {term$structure}(0 + factor(time) | {term$group})}."))
  }
  bare <- sub("^\\((.*)\\)$", "\\1", levels)
  parts <- strsplit(bare, ",", fixed = TRUE)
  numbers <- suppressWarnings(lapply(parts, as.double))
  if (anyNA(unlist(numbers)) || length(unique(lengths(numbers))) > 1L) {
    return(matrix(as.double(seq_along(levels)), ncol = 1L))
  }
  out <- do.call(rbind, numbers)
  if (anyDuplicated(out)) {
    stop_formula("`{term$label}`: levels of `{names(term$xlevels)}` are at the same place.")
  }
  out
}

# The largest step of which all gaps are multiples.
common_step <- function(values, term) {
  gaps <- diff(values)
  whole <- function(step) all(abs(gaps / step - round(gaps / step)) < 1e-6 * pmax(1, gaps / step))
  steps <- min(gaps) / seq_len(24L)
  found <- steps[vapply(steps, whole, NA)]
  if (length(found)) return(found[1L])
  stop_formula(c("`{term$label}`: the gaps between the values of `{names(term$xlevels)}` are no
                  whole numbers of one step.",
                 i = "{.code ou} and {.code sp_exp} take any distances."))
}
