// Between R's lists and the core's structs.
#include "convert.h"

using Rcpp::_;
using Rcpp::List;
using tiers::Index;
using tiers::Matrix;

// A name, or a list(name, coordinates, each, nugget, band, lags, p, q, visits, dimensions,
// smoothness) in which what is missing is left to the name.
tiers::StructureRecipe recipe_from_r(SEXP what) {
  tiers::StructureRecipe recipe;
  if (TYPEOF(what) == STRSXP) {
    recipe.name = Rcpp::as<std::string>(what);
    return recipe;
  }
  const List list(what);
  using Scale = tiers::StructureRecipe::Scale;
  const auto has = [&](const char* name) { return list.containsElementNamed(name); };
  recipe.name = Rcpp::as<std::string>(list["name"]);
  if (has("coordinates")) recipe.coordinates = Rcpp::as<Matrix>(list["coordinates"]);
  if (recipe.coordinates.size() > 0) recipe.dimensions = recipe.coordinates.cols();
  if (has("each")) recipe.scale = Rcpp::as<bool>(list["each"]) ? Scale::each : Scale::common;
  if (has("nugget")) recipe.nugget = Rcpp::as<bool>(list["nugget"]);
  if (has("band")) recipe.band = Rcpp::as<int>(list["band"]);
  if (has("lags")) recipe.lags = Rcpp::as<std::vector<double>>(list["lags"]);
  if (has("p")) recipe.ar = Rcpp::as<int>(list["p"]);
  if (has("q")) recipe.ma = Rcpp::as<int>(list["q"]);
  if (has("visits")) recipe.visits = Rcpp::as<int>(list["visits"]);
  if (has("dimensions")) recipe.dimensions = Rcpp::as<int>(list["dimensions"]);
  if (has("smoothness")) recipe.smoothness = Rcpp::as<double>(list["smoothness"]);
  return recipe;
}

namespace {

// The vector stored in an element of the list, of the right type and length; no copy is made.
template <int Type>
Rcpp::Vector<Type> element(const List& list, const char* name, Index length) {
  if (!list.containsElementNamed(name)) Rcpp::stop("the specification has no element '%s'", name);
  SEXP value = list[name];
  if (TYPEOF(value) != Type) Rcpp::stop("element '%s' has the wrong type", name);
  if (length >= 0 && Rf_xlength(value) != length) {
    Rcpp::stop("element '%s' has length %d instead of %d", name,
               static_cast<double>(Rf_xlength(value)), static_cast<double>(length));
  }
  return value;
}

tiers::RandomTerm term_from_r(const List& list, Index n) {
  tiers::RandomTerm term;
  term.n = n;
  term.group = Rcpp::as<std::string>(list["group"]);
  term.codes = INTEGER(element<INTSXP>(list, "codes", n));
  term.n_levels = Rcpp::as<int>(list["n_levels"]);
  term.recipe = recipe_from_r(list["structure"]);
  term.intercept = Rcpp::as<int>(list["intercept"]);
  for (Index i = 0; i < n; ++i) {
    if (term.codes[i] < 1 || term.codes[i] > term.n_levels) {
      Rcpp::stop("a level code of '%s' is outside 1..%d", term.group,
                 static_cast<int>(term.n_levels));
    }
  }
  SEXP basis = list["basis"];
  if (!Rf_isNull(basis)) {
    if (TYPEOF(basis) != REALSXP || !Rf_isMatrix(basis) || Rf_nrows(basis) != n ||
        Rf_ncols(basis) < 1) {
      Rcpp::stop("the basis of '%s' is not a numeric matrix with %d rows", term.group,
                 static_cast<int>(n));
    }
    term.basis = REAL(basis);
    term.columns = Rf_ncols(basis);
  }
  if (term.intercept < 0 || term.intercept > term.columns)
    Rcpp::stop("intercept column out of range");
  SEXP start = list["start"];
  if (!Rf_isNull(start)) {
    term.start = Rcpp::as<Matrix>(start);
    if (term.start.rows() != term.columns || term.start.cols() != term.columns) {
      Rcpp::stop("the start of '%s' is not %d x %d", term.group, static_cast<int>(term.columns),
                 static_cast<int>(term.columns));
    }
  }
  return term;
}

}  // namespace

const char* status_name(tiers::FitStatus status) {
  switch (status) {
    case tiers::FitStatus::converged:
      return "converged";
    case tiers::FitStatus::boundary:
      return "boundary";
    case tiers::FitStatus::perfect_fit:
      return "perfect_fit";
    case tiers::FitStatus::undefined:
      return "undefined";
    case tiers::FitStatus::unidentified:
      return "unidentified";
    default:
      return "not_converged";
  }
}

const char* ending_name(tiers::Ending ending) {
  switch (ending) {
    case tiers::Ending::converged:
      return "converged";
    case tiers::Ending::iterations:
      return "iterations";
    case tiers::Ending::edge:
      return "edge";
    default:
      return "stuck";
  }
}

tiers::Control poll_only() {
  tiers::Control control;
  control.poll = interrupt_poll();
  return control;
}

List level_arrays(const tiers::Specification& spec, const std::vector<Matrix>& blocks,
                  double factor) {
  List out(blocks.size());
  for (std::size_t j = 0; j < blocks.size(); ++j) {
    const int k = static_cast<int>(spec.terms[j].columns),
              levels = static_cast<int>(spec.terms[j].n_levels);
    Rcpp::NumericVector array(blocks[j].data(), blocks[j].data() + blocks[j].size());
    array = array * factor;
    array.attr("dim") = Rcpp::IntegerVector::create(k, k, levels);
    out[j] = array;
  }
  return out;
}

std::vector<tiers::RandomTerm> terms_from_r(const List& terms, Index n) {
  std::vector<tiers::RandomTerm> out;
  for (R_xlen_t j = 0; j < terms.size(); ++j) out.push_back(term_from_r(terms[j], n));
  return out;
}

tiers::Specification specification_from_r(const List& list) {
  tiers::Specification spec;
  SEXP y = list["y"];
  spec.n = Rf_xlength(y);
  spec.y = REAL(element<REALSXP>(list, "y", -1));
  const auto offset = element<REALSXP>(list, "offset", -1);
  const auto weights = element<REALSXP>(list, "weights", -1);
  if (offset.size() > 0) spec.offset = REAL(element<REALSXP>(list, "offset", spec.n));
  if (weights.size() > 0) spec.weights = REAL(element<REALSXP>(list, "weights", spec.n));
  SEXP x = list["X"];
  if (TYPEOF(x) != REALSXP || !Rf_isMatrix(x) || Rf_nrows(x) != spec.n) {
    Rcpp::stop("'X' is not a numeric matrix with %d rows", static_cast<int>(spec.n));
  }
  new (&spec.X) tiers::ConstMatrixMap(REAL(x), spec.n, Rf_ncols(x));
  spec.reml = list.containsElementNamed("reml") && Rcpp::as<bool>(list["reml"]);
  if (list.containsElementNamed("held")) {
    spec.held.value = Rcpp::as<std::vector<double>>(list["held"]);
    spec.held.same = Rcpp::as<std::vector<int>>(list["same"]);
    if (spec.held.value.size() != spec.held.same.size())
      Rcpp::stop("'held' and 'same' differ in length");
  }
  spec.terms = terms_from_r(list["terms"], spec.n);
  return spec;
}

std::vector<Matrix> factors_from_r(const tiers::Specification& spec, const List& lambda) {
  if (static_cast<std::size_t>(lambda.size()) != spec.terms.size()) {
    Rcpp::stop("%d factors for %d random terms", static_cast<int>(lambda.size()),
               static_cast<int>(spec.terms.size()));
  }
  std::vector<Matrix> out;
  for (R_xlen_t j = 0; j < lambda.size(); ++j) {
    out.push_back(Rcpp::as<Matrix>(lambda[j]));
    if (out[j].rows() != spec.terms[j].columns || out[j].cols() != spec.terms[j].columns) {
      Rcpp::stop("the factor of '%s' has the wrong size", spec.terms[j].group);
    }
  }
  return out;
}

tiers::ContrastRows contrast_rows_from_r(const tiers::Specification& spec, const List& list) {
  tiers::ContrastRows out;
  out.fixed = Rcpp::as<Matrix>(list["fixed"]);
  const Index n = out.fixed.rows();
  if (out.fixed.cols() != spec.X.cols()) Rcpp::stop("'fixed' has the wrong number of columns");
  const List parts = list["parts"];
  for (R_xlen_t i = 0; i < parts.size(); ++i) {
    const List from = parts[i];
    tiers::ContrastPart part;
    part.term = Rcpp::as<int>(from["term"]) - 1;
    if (part.term < 0 || part.term >= static_cast<int>(spec.terms.size()))
      Rcpp::stop("a part of no term");
    const tiers::RandomTerm& term = spec.terms[part.term];
    part.level = Rcpp::as<std::vector<int>>(from["level"]);
    part.basis = Rcpp::as<Matrix>(from["basis"]);
    if (static_cast<Index>(part.level.size()) != n || part.basis.rows() != n ||
        part.basis.cols() != term.columns) {
      Rcpp::stop("a part of '%s' has the wrong size", term.group);
    }
    for (const int level : part.level) {
      if (level < tiers::kNoLevel || level > term.n_levels) Rcpp::stop("a level out of range");
    }
    out.parts.push_back(std::move(part));
  }
  const Rcpp::NumericVector residual = list["residual"];
  if (residual.size() > 0) {
    if (residual.size() != n) Rcpp::stop("'residual' has the wrong length");
    out.residual = Eigen::Map<const tiers::Vector>(REAL(residual), n);
  }
  return out;
}

tiers::ContrastBlock contrast_block_from_r(const tiers::Specification& spec, const List& list) {
  tiers::ContrastBlock out;
  out.fixed = Rcpp::as<Matrix>(list["fixed"]);
  if (out.fixed.cols() != spec.X.cols()) Rcpp::stop("'fixed' has the wrong number of columns");
  const List random = list["random"];
  if (static_cast<std::size_t>(random.size()) != spec.terms.size())
    Rcpp::stop("'random' must have one matrix a term");
  for (R_xlen_t j = 0; j < random.size(); ++j) {
    out.random.push_back(Rcpp::as<Matrix>(random[j]));
    if (out.random[j].rows() != out.fixed.rows() ||
        out.random[j].cols() != spec.terms[j].columns * spec.terms[j].n_levels) {
      Rcpp::stop("the contrasts of '%s' have the wrong size", spec.terms[j].group);
    }
  }
  return out;
}

tiers::Control control_from_r(const List& list) {
  tiers::Control control = poll_only();
  control.max_iterations = Rcpp::as<int>(list["maxit"]);
  control.tolerance = Rcpp::as<double>(list["tolerance"]);
  if (Rcpp::as<bool>(list["trace"])) {
    control.trace = [](const std::string& line) { Rprintf("%s\n", line.c_str()); };
  }
  return control;
}

namespace {

const char* kind_name(tiers::ModelParameter::Kind kind) {
  switch (kind) {
    case tiers::ModelParameter::Kind::sd:
      return "sd";
    case tiers::ModelParameter::Kind::correlation:
      return "cor";
    case tiers::ModelParameter::Kind::structure:
      return "structure";
    case tiers::ModelParameter::Kind::sigma:
      return "sigma";
    case tiers::ModelParameter::Kind::residual:
      return "residual";
    default:
      return "dispersion";
  }
}

// What identifiability.R explains: `entries` has a row (term, row, column) for each.
List unidentified_to_r(const tiers::Unidentified& what) {
  Rcpp::IntegerMatrix entries(static_cast<int>(what.entries.size()), 3);
  for (std::size_t e = 0; e < what.entries.size(); ++e) {
    entries(e, 0) = what.entries[e].term + 1;
    entries(e, 1) = static_cast<int>(what.entries[e].row) + 1;
    entries(e, 2) = static_cast<int>(what.entries[e].column) + 1;
  }
  return List::create(_["entries"] = entries, _["gram"] = what.gram, _["tangent"] = what.tangent,
                      _["residual"] = what.residual, _["by_fixed"] = what.by_fixed);
}

// One element for each column of the table; places count from 1, 0: none.
List parameters_to_r(const std::vector<tiers::ModelParameter>& parameters) {
  const int size = static_cast<int>(parameters.size());
  Rcpp::CharacterVector type(size), word(size), role(size);
  Rcpp::IntegerVector term(size), row(size), column(size), by(size);
  Rcpp::NumericVector estimate(size), lower(size), upper(size);
  Rcpp::LogicalVector boundary(size), fixed(size);
  for (int i = 0; i < size; ++i) {
    const tiers::ModelParameter& one = parameters[i];
    type[i] = kind_name(one.kind);
    term[i] = one.term + 1;
    row[i] = static_cast<int>(one.row) + 1;
    column[i] = static_cast<int>(one.column) + 1;
    estimate[i] = std::isnan(one.value) ? NA_REAL : one.value;
    lower[i] = one.lower;
    upper[i] = one.upper;
    boundary[i] = one.at_boundary;
    fixed[i] = one.fixed;
    word[i] = one.word;
    role[i] = one.role;
    by[i] = one.by + 1;
  }
  return List::create(_["type"] = type, _["term"] = term, _["row"] = row, _["column"] = column,
                      _["estimate"] = estimate, _["lower"] = lower, _["upper"] = upper,
                      _["boundary"] = boundary, _["fixed"] = fixed, _["word"] = word,
                      _["role"] = role, _["by"] = by);
}

}  // namespace

List fit_to_r(const tiers::FitResult& fit) {
  List boundary(fit.boundary.size());
  for (std::size_t j = 0; j < fit.boundary.size(); ++j) {
    if (fit.boundary[j].multipliers.size() == 0) continue;
    boundary[j] = List::create(_["directions"] = fit.boundary[j].directions,
                               _["multipliers"] = fit.boundary[j].multipliers);
  }
  Rcpp::IntegerVector kept(fit.kept.size());
  for (std::size_t a = 0; a < fit.kept.size(); ++a) kept[a] = static_cast<int>(fit.kept[a]) + 1;
  Rcpp::NumericVector coefficients(fit.coefficients.size());
  for (Index a = 0; a < fit.coefficients.size(); ++a) {
    coefficients[a] = std::isnan(fit.coefficients[a]) ? NA_REAL : fit.coefficients[a];
  }
  List out =
      List::create(_["coefficients"] = coefficients, _["vcov"] = fit.vcov, _["kept"] = kept,
                   _["sigma"] = fit.sigma, _["Lambda"] = Rcpp::wrap(fit.lambda),
                   _["modes"] = Rcpp::wrap(fit.modes), _["fitted"] = plain_vector(fit.fitted),
                   _["deviance"] = fit.deviance, _["n_used"] = static_cast<int>(fit.used_rows),
                   _["npar"] = static_cast<int>(fit.parameter_count),
                   _["status"] = status_name(fit.status), _["gain"] = fit.gain,
                   _["gradient_norm"] = fit.gradient_norm, _["iterations"] = fit.iterations,
                   _["evaluations"] = fit.evaluations, _["boundary"] = boundary);
  List saturated(fit.saturated.size());
  for (std::size_t j = 0; j < fit.saturated.size(); ++j) {
    Rcpp::IntegerVector columns(fit.saturated[j].begin(), fit.saturated[j].end());
    saturated[j] = columns + 1;
  }
  out["saturated"] = saturated;
  if (fit.unidentified.found) out["unidentified"] = unidentified_to_r(fit.unidentified);
  out["condition"] = fit.reciprocal_condition;
  out["ending"] = ending_name(fit.ending);
  List theta(fit.theta.size());
  for (std::size_t j = 0; j < fit.theta.size(); ++j) theta[j] = plain_vector(fit.theta[j]);
  out["theta"] = theta;
  out["parameters"] = parameters_to_r(fit.parameters);
  out["vcov_parameters"] = fit.vcov_parameters;
  out["inference"] = List::create(_["vcov_psi"] = fit.inference.vcov_psi,
                                  _["dvcov"] = Rcpp::wrap(fit.inference.dvcov),
                                  _["vcov_natural"] = fit.inference.vcov_natural);
  return out;
}
