# From the rows of the model frame to what the engine takes of a residual structure: whose rows
# belong together, where each of them stands, and what the structure is made from.
#
# What a fit keeps as fit$residual (plain data):
#   label, structure, arguments, time, components, by    as read_residual() has them
#   levels, by_levels   of the subjects and of the groups with parameters of their own
#   rows                smallest, mean and largest number of rows of a subject
#   visits              labels of the visits, in order; NULL where the structure has none
#   places              where each visit is, for factors; step: what distances are counted in
#   recipe              see structures.R
#   reads               list(visits, coordinates): what the structure reads of a row
#   independent         has it no correlations?
# and of the estimates phi, has_sigma.

# The same for a model without a structure, whose standard deviation has a model.
independent_residual <- function() {
  list(label = "id", structure = "id", arguments = list(), time = NULL, components = NULL,
       component_exprs = NULL, by = NULL, by_exprs = NULL, exprs = NULL, expr = NULL)
}

# `given`: what read_residual() returned. `original(name)`: a variable as it is in the data, with
# the levels of a factor that no row has.
residual_term <- function(given, frame, original) {
  term <- given
  used <- frame_used(frame)
  subject <- residual_groups(term$components, frame)
  term$levels <- subject$levels
  term$by_levels <- residual_groups(term$by, frame)$levels
  if (length(subject$codes)) {
    term$rows <- rows_of_levels(subject$codes, length(subject$levels), stats::model.weights(frame))
  }
  largest <- if (length(subject$codes)) max(term$rows[["largest"]], 1) else 1
  term$recipe <- c(list(name = term$structure, visits = as.integer(largest)), term$arguments)
  shape <- residual_shape_cpp(term$recipe)
  term$reads <- shape[c("visits", "coordinates")]
  term$independent <- all(shape$role == "sd")
  term <- with_times(term, frame, original)
  codes <- residual_codes(term, frame)
  if (!term$independent) {
    check_single_visits(term, codes, frame, used)
  }
  check_by(term, codes, frame)
  term <- with_lags(term, codes, used)
  check_unstructured(term, codes, used)
  term
}

frame_used <- function(frame) {
  weights <- stats::model.weights(frame)
  if (is.null(weights)) rep(TRUE, nrow(frame)) else weights > 0
}

residual_groups <- function(components, frame) {
  if (length(components) == 0L) return(list(codes = NULL, levels = NULL))
  found <- build_groups(list(components = components), frame)
  list(codes = found$codes, levels = found$stored$levels)
}

needs_time <- function(term) {
  length(term$components) && (term$reads$visits || term$reads$coordinates)
}

# Labels of visits and what their coordinates are.
with_times <- function(term, frame, original) {
  if (!needs_time(term)) return(term)
  traits <- as.list(residual_traits()[match(term$structure, residual_traits()$name), ])
  if (length(term$time) == 0L) {
    if (!term$independent) {
      inform("tiers_message_order", c("`{term$label}` takes the rows of {.code
        {paste(term$components, collapse = ':')}} in their order, one step apart.",
        i = "Name a time before the bar where rows are missing or not in order."))
    }
    term$visits <- if (term$reads$visits) as.character(seq_len(term$recipe$visits))
    term$recipe$dimensions <- 1L
    return(term)
  }
  if (length(term$time) > 1L && (!term$reads$coordinates || term$reads$visits || traits$steps)) {
    stop_formula(c("`{term$label}`: {.code {term$structure}} takes one time, not
                    {length(term$time)}.",
                   i = "{.code sp_exp} and the other {.code sp_} structures take several
                        coordinates."))
  }
  names <- vapply(term$time, text_of, "")
  term$levels_of_time <- lapply(names, function(name) time_levels(frame[[name]], original(name)))
  for (j in seq_along(names)) note_text_time(frame[[names[j]]], term$levels_of_time[[j]], names[j])
  if (term$reads$visits) {
    # Rows of weight zero make no visit.
    value <- rounded_times(frame[[names]])[frame_used(frame)]
    term$visits <- term$levels_of_time[[1L]] %||% group_labels(sort_unique(value, names))
    term$recipe$visits <- length(term$visits)
    unseen <- setdiff(term$visits, group_labels(unique(value)))
    if (length(unseen)) {
      # Variances of visits that nobody had cannot be estimated; their places still count.
      term$visits <- setdiff(term$visits, unseen)
      term$recipe$visits <- length(term$visits)
      inform("tiers_message_visits", "No row has {.val {unseen}} of `{names}`: {?it has/they have}
              no variance in `{term$label}`.")
    }
  }
  if (!term$reads$coordinates) return(term)
  places <- lapply(seq_along(names), function(j) {
    time_values(frame[[names[j]]], term$levels_of_time[[j]], names[j], term$label)
  })
  if (traits$steps) {
    values <- sort(unique(places[[1L]]))
    if (length(values) < 2L) stop_constant_time(term, names)
    term$step <- time_step(values, term, names)
  } else if (all(vapply(places, function(x) max(x) == min(x), NA)) && !term$independent) {
    stop_constant_time(term, names)
  }
  term$recipe$dimensions <- length(places)
  term
}

stop_constant_time <- function(term, names) {
  stop_model(c("`{term$label}`: `{paste(names, collapse = '`, `')}` has the same value in every
                row, so that no two rows of a subject are at different times.",
               i = "Name the variable that says when a row was observed."))
}

# Text has no order of its own.
note_text_time <- function(x, levels, name) {
  if (!is.character(x)) return(invisible())
  inform("tiers_message_order", c(
    "The time `{name}` is text; its values count in this order: {.val {levels}}.",
    i = "Make it a factor with its levels in order if that is wrong."))
}

# Levels of a factor, those without data too; NULL of a number.
time_levels <- function(x, original) {
  if (is.character(x)) x <- factor(x)
  if (!is.factor(x)) return(NULL)
  if (is.factor(original) && all(levels(x) %in% levels(original))) levels(original) else levels(x)
}

# Times that differ by rounding only, such as 0.3 and 0.1 + 0.2, are one time.
rounded_times <- function(x) if (is.double(x) && !is.object(x)) signif(x, 14L) else x

# Where rows are: numbers by their values, levels by theirs where they are numbers, else by their
# order.
time_values <- function(x, levels, name, label) {
  if (!is.null(levels)) {
    at <- suppressWarnings(as.double(levels))
    if (anyNA(at)) at <- as.double(seq_along(levels))
    return(at[match(row_labels(x), enc2utf8(levels))])
  }
  if (is.matrix(x) && ncol(x) == 1L) x <- x[, 1L]
  known <- (is.numeric(x) || inherits(x, c("Date", "POSIXct", "difftime"))) && is.null(dim(x))
  if (!known) {
    stop_input("`{label}`: `{name}` must be a number, a date or a factor, not
                {.cls {class(x)[1L]}}.", variable = name)
  }
  value <- if (inherits(x, "integer64")) plain_integer64(x, name) else {
    as.double(unclass(rounded_times(x)))
  }
  bad <- which(!is.finite(value))
  if (length(bad)) {
    stop_input("`{name}` has {length(bad)} infinite value{?s} (row{?s} {first_rows(bad)}).")
  }
  value
}

# Labels of rows, of which few are different.
row_labels <- function(x) {
  x <- rounded_times(x)
  if (is.factor(x)) return(group_labels(x))
  values <- unique(x)
  group_labels(values)[match(x, values)]
}

sort_unique <- function(x, name) {
  if (!is.atomic(x) || is.logical(x)) {
    stop_input("The time `{name}` must be a number, a date or a factor, not
                {.cls {class(x)[1L]}}.")
  }
  sort(unique(x))
}

time_step <- function(values, term, name) {
  common_step(values, list(label = term$label, xlevels = stats::setNames(list(NULL), name)))
}

# subject, by (codes from 1), visit (from 0), coordinates: of each row, or NULL.
residual_codes <- function(term, frame) {
  n <- nrow(frame)
  out <- list(subject = residual_groups(term$components, frame)$codes,
              by = residual_groups(term$by, frame)$codes, visit = NULL, coordinates = NULL)
  if (!needs_time(term)) return(out)
  if (length(term$time) == 0L) {
    # Rows of weight zero have no place of their own.
    used <- frame_used(frame)
    order <- integer(n)
    order[used] <- place_in_group(out$subject[used])
    if (term$reads$visits) out$visit <- pmax(order - 1L, 0L)
    if (term$reads$coordinates) out$coordinates <- matrix(as.double(order), n, 1L)
    return(out)
  }
  names <- vapply(term$time, text_of, "")
  if (term$reads$visits) {
    out$visit <- match_labels(row_labels(frame[[names]]), term$visits) - 1L
    out$visit[is.na(out$visit) & !frame_used(frame)] <- 0L
  }
  if (term$reads$coordinates) {
    out$coordinates <- do.call(cbind, lapply(seq_along(names), function(j) {
      time_values(frame[[names[j]]], term$levels_of_time[[j]], names[j], term$label)
    })) / (term$step %||% 1)
    if (!is.null(term$step)) out$coordinates[] <- round(out$coordinates - min(out$coordinates))
  }
  out
}

# 1, 2, ... within each group, in the order of the rows.
place_in_group <- function(codes) {
  order <- order(codes)
  counts <- tabulate(codes)
  out <- integer(length(codes))
  out[order] <- sequence(counts[counts > 0L])
  out
}

# Two rows of a subject at the same time would have a correlation of one (but for a nugget).
check_single_visits <- function(term, codes, frame, used) {
  if (isTRUE(term$arguments$nugget) || length(term$time) == 0L || !needs_time(term)) {
    return(invisible())
  }
  columns <- cbind(codes$subject, codes$visit, codes$coordinates)[used, , drop = FALSE]
  order <- do.call(order, lapply(seq_len(ncol(columns)), function(j) columns[, j]))
  columns <- columns[order, , drop = FALSE]
  m <- nrow(columns)
  again <- rowSums(columns[-1L, , drop = FALSE] != columns[-m, , drop = FALSE]) == 0
  twice <- sort(which(used)[order][-1L][again])
  if (length(twice) == 0L) return(invisible())
  names <- vapply(term$time, text_of, "")
  first <- vapply(names, function(name) group_labels(frame[[name]][twice[1L]]), "")
  subjects <- unique(term$levels[codes$subject[twice]])
  at <- paste0("`", names, "` ", first, collapse = ", ")
  stop_model(c("`{term$label}`: {length(subjects)} subject{?s} {?has/have} several rows at the same
                time, the first `{paste(term$components, collapse = ':')}` {subjects[1L]} at
                {plain_text(at)}.",
               i = "Two rows at one time would have a correlation of one. Leave one of them out, or
                    name a time that tells them apart."), subjects = subjects)
}


# The groups of `by` divide the subjects.
check_by <- function(term, codes, frame) {
  if (is.null(codes$by)) return(invisible())
  if (is.null(codes$subject)) return(invisible())
  if (length(term$by_levels) < 2L) {
    stop_model("`{term$label}`: `{paste(term$by, collapse = ':')}` has one level only.")
  }
  first <- codes$by[match(seq_along(term$levels), codes$subject)]
  mixed <- unique(codes$subject[codes$by != first[codes$subject]])
  if (length(mixed) == 0L) return(invisible())
  n_mixed <- length(mixed)
  stop_model(c("`{term$label}`: `{paste(term$by, collapse = ':')}` changes within {n_mixed}
                {cli::qty(n_mixed)}subject{?s}, the first {term$levels[mixed[1L]]}.",
               i = "Groups with parameters of their own must divide the subjects."))
}

# The distances that occur within subjects, where each has a parameter.
with_lags <- function(term, codes, used) {
  traits <- residual_traits()
  if (!traits$lags[match(term$structure, traits$name)] || is.null(codes$coordinates)) return(term)
  at <- codes$coordinates[used, 1L]
  subject <- codes$subject[used]
  order <- order(subject, at)
  at <- at[order]
  subject <- subject[order]
  lags <- double()
  for (k in seq_len(max(tabulate(subject)) - 1L)) {
    before <- seq_len(length(at) - k)
    same <- subject[before] == subject[before + k]
    lags <- unique(c(lags, (at[before + k] - at[before])[same]))
  }
  term$recipe$lags <- sort(lags[lags > 0])
  if (length(term$recipe$lags) == 0L) stop_single_rows(term)
  term
}

stop_single_rows <- function(term) {
  stop_model(c("`{term$label}`: no subject has two rows at different times, so that no correlation
                can be estimated.",
               i = "Check what stands after the bar."))
}

# With fewer subjects than visits an unstructured matrix has no estimate: the likelihood grows
# without end.
check_unstructured <- function(term, codes, used) {
  if (is.null(codes$subject)) return(invisible())
  counts <- tabulate(codes$subject[used], length(term$levels))
  if (!term$independent && max(counts) < 2L) stop_single_rows(term)
  shape <- residual_shape_cpp(term$recipe)
  t <- length(term$visits)
  free <- t > 1L && length(shape$role) == t * (t + 1L) / 2L && !any(shape$common)
  if (!free) return(invisible())
  by <- if (is.null(codes$by)) rep(1L, length(codes$subject)) else codes$by
  complete <- codes$subject %in% which(counts == t)
  for (group in unique(by)) {
    mine <- used & by == group
    subjects <- length(unique(codes$subject[mine]))
    if (subjects > t || (subjects == t && !all(complete[mine]))) next
    where <- if (!is.null(codes$by)) paste0(" of ", term$by_levels[group]) else ""
    stop_model(c("`{term$label}` has {t * (t + 1) / 2} variances and correlations of {t} visits,
                  more than {subjects} subject{?s}{where} can tell: the likelihood has no maximum.",
                 i = "Use a structure with fewer parameters, such as {.code ar1h}, {.code ante} or
                      {.code cs}."), subjects = subjects, visits = t)
  }
}

# What the engine takes: see core/model/residual_term.h.
residual_specification <- function(term, frame, dispersion) {
  codes <- residual_codes(term, frame)
  subject <- if (!term$independent) codes$subject
  list(recipe = term$recipe, subject = subject,
       n_subjects = if (is.null(subject)) nrow(frame) else length(term$levels),
       visit = codes$visit, coordinates = codes$coordinates, by = codes$by,
       n_by = max(length(term$by_levels), 1L),
       dispersion = without_intercept(dispersion))
}

# The columns of the dispersion beside the constant, which is sigma or the structure's own.
without_intercept <- function(Z) {
  if (is.null(Z)) return(NULL)
  Z <- Z[, colnames(Z) != "(Intercept)", drop = FALSE]
  if (ncol(Z)) Z
}
