#include "core/engine/at_point_structured.h"

#include "catch.h"
#include "core/engine/structured_engine.h"
#include "longitudinal_data.h"

using namespace tiers;
using namespace tiers_test;

namespace {

// A model, a point and the dense matrices there. theta of the search is the user's times `ratio`.
struct StructuredCase {
  StructuredCase(const ShapeCase& shape, Beside beside) : of(longitudinal(shape, beside, 3)) {
    const StructuredSpecification whole = spec();
    StructuredEngine engine(whole, Control());
    has_sigma = engine.structure.has_sigma();
    point = {some_factors(of.data), some_phi(of), has_sigma ? 1.7 : 1.0};
    const CovarianceParameters parameters(whole.model.terms);
    theta = parameters.parameters(point.lambda);
    ratio = engine.internal(point).head(theta.size()).cwiseQuotient(theta);
    psi.resize(theta.size() + point.phi.size() + (has_sigma ? 1 : 0));
    psi << theta, point.phi, Vector::Constant(has_sigma ? 1 : 0, 2.0 * std::log(point.sigma));
  }
  StructuredSpecification spec() const { return of.specification(true); }
  // V at psi = (theta of the user, phi[, log sigma^2]); and G, both absolute.
  double sigma(const Vector& at) const {
    return has_sigma ? std::exp(0.5 * at[at.size() - 1]) : 1.0;
  }
  std::vector<Matrix> lambdas(const Vector& at) const {
    auto out = CovarianceParameters(spec().model.terms).lambdas(at.head(theta.size()));
    for (Matrix& one : out) one *= sigma(at);
    return out;
  }
  Matrix v(const Vector& at) const {
    return of.dense_covariance(lambdas(at), at.segment(theta.size(), point.phi.size()), sigma(at));
  }
  Matrix g(const Vector& at) const {
    const auto all = lambdas(at);
    Index q = 0;
    for (std::size_t j = 0; j < all.size(); ++j) q += all[j].rows() * of.data.terms[j].levels;
    Matrix out = Matrix::Zero(q, q);
    Index first = 0;
    for (std::size_t j = 0; j < all.size(); ++j) {
      for (Index l = 0; l < of.data.terms[j].levels; ++l, first += all[j].rows())
        out.block(first, first, all[j].rows(), all[j].rows()) = all[j] * all[j].transpose();
    }
    return out;
  }
  Matrix z() const {
    Matrix out(of.data.n, 0);
    for (std::size_t j = 0; j < of.data.terms.size(); ++j) {
      const Matrix own = of.data.dense_z(static_cast<int>(j));
      out.conservativeResize(Eigen::NoChange, out.cols() + own.cols());
      out.rightCols(own.cols()) = own;
    }
    return out;
  }
  template <class Function>
  Matrix slope(const Function& f, Index k) const {
    const double h = 1e-4, unit = k < theta.size() ? ratio[k] : 1.0;
    Matrix sum = Matrix::Zero(f(psi).rows(), f(psi).cols());
    const double weight[4] = {1.0, -8.0, 8.0, -1.0}, step[4] = {-2.0, -1.0, 1.0, 2.0};
    for (int i = 0; i < 4; ++i) {
      Vector moved = psi;
      moved[k] += step[i] * h;
      sum += weight[i] * f(moved);
    }
    return sum / (12.0 * h * unit);
  }

  Longitudinal of;
  bool has_sigma = true;
  StructuredPoint point;
  Vector theta, ratio, psi;
};

double relative(const Matrix& found, const Matrix& expected) {
  return (found - expected).cwiseAbs().maxCoeff() / (1e-10 + expected.cwiseAbs().maxCoeff());
}

ShapeCase shape_named(const char* name, StructureRecipe::Scale scale) {
  for (const ShapeCase& one : wrapped_shape_cases()) {
    if (one.recipe.name == name && !one.recipe.nugget && one.is_definite &&
        (one.recipe.scale == scale || one.recipe.scale == StructureRecipe::Scale::by_name))
      return one;
  }
  throw std::logic_error(name);
}

std::vector<StructuredCase> structured_cases() {
  using Scale = StructureRecipe::Scale;
  std::vector<StructuredCase> out;
  out.emplace_back(shape_named("ar1", Scale::none), Beside::nothing);
  out.emplace_back(shape_named("ar1", Scale::none), Beside::nested);
  out.emplace_back(shape_named("cs", Scale::each), Beside::groups);
  out.emplace_back(shape_named("sp_exp", Scale::none), Beside::crossed);
  out.emplace_back(shape_named("us", Scale::none), Beside::crossed);
  return out;
}

}  // namespace

TEST_CASE("units are whitened and solved by their dense matrices", "[structured]") {
  for (const Beside beside : {Beside::nested, Beside::weights, Beside::crossed, Beside::groups}) {
    const StructuredCase one(shape_named("ar1", StructureRecipe::Scale::each), beside);
    const Matrix v = one.v(one.psi);
    const Matrix r = one.of.dense_covariance({}, one.point.phi, 1.0);
    const Matrix x = one.of.data.X;
    const Matrix expected = v.llt().solve(x);
    const Matrix solved = solve_units(one.spec(), one.point, UnitMatrix::marginal, x, Control());
    CHECK(relative(solved, expected) < 1e-11);
    const Matrix white = whiten(one.spec(), one.point, UnitMatrix::conditional, x, Control());
    CHECK(relative(white.transpose() * white, x.transpose() * r.llt().solve(x)) < 1e-11);
    const UnitCovariance unit = unit_covariance(one.spec(), one.point, 4, Control());
    for (std::size_t i = 0; i < unit.rows.size(); ++i) {
      for (std::size_t j = 0; j < unit.rows.size(); ++j) {
        const Index a = static_cast<Index>(i), b = static_cast<Index>(j);
        CHECK(unit.marginal(a, b) == Approx(v(unit.rows[i], unit.rows[j])).margin(1e-12));
        CHECK(unit.conditional(a, b) == Approx(r(unit.rows[i], unit.rows[j])).margin(1e-12));
      }
    }
  }
}

TEST_CASE("errors of linear functions beside a residual structure are Henderson's",
          "[structured]") {
  for (const StructuredCase& one : structured_cases()) {
    const Matrix x = one.of.data.X, z = one.z();
    const Index q = z.cols();
    const Matrix l = Matrix::Random(3, 3), m = Matrix::Random(3, q);
    const auto error = [&](const Vector& at) {
      const Matrix inverse = one.v(at).inverse(), g = one.g(at), gzv = g * z.transpose() * inverse;
      const Matrix phi = (x.transpose() * inverse * x).inverse();
      const Matrix h = l - m * gzv * x;
      return Matrix(m * (g - gzv * z * g) * m.transpose() + h * phi * h.transpose());
    };
    ContrastBlock block{l, {}};
    Index at = 0;
    for (const auto& term : one.of.data.terms) {
      block.random.push_back(m.middleCols(at, term.levels * term.basis.cols()));
      at += term.levels * term.basis.cols();
    }
    const BlockVariances found = contrast_block(one.spec(), one.point, block, Control());
    INFO(one.of.shape.recipe.name);
    CHECK(relative(found.variance, error(one.psi)) < 1e-10);
    REQUIRE(static_cast<Index>(found.gradient.size()) == one.psi.size());
    for (Index k = 0; k < one.psi.size(); ++k)
      CHECK(relative(found.gradient[k], one.slope(error, k)) < 1e-7);

    // Rows with one level of each term are such contrasts; a new level has its variance.
    ContrastRows rows{l, {}, Vector()};
    ContrastBlock same{l, block.random};
    for (std::size_t j = 0; j < one.of.data.terms.size(); ++j) {
      const Index k = one.of.data.terms[j].basis.cols();
      rows.parts.push_back({static_cast<int>(j), {2, 1, 2}, Matrix::Random(3, k)});
      same.random[j].setZero();
      for (Index i = 0; i < 3; ++i)
        same.random[j].row(i).segment((rows.parts[j].level[i] - 1) * k, k) =
            rows.parts[j].basis.row(i);
    }
    const BlockVariances pairs = contrast_block(one.spec(), one.point, same, Control());
    const RowVariances single = contrast_rows(one.spec(), one.point, rows, Control());
    CHECK(relative(single.variance, pairs.variance.diagonal()) < 1e-11);
    for (Index k = 0; k < one.psi.size(); ++k)
      CHECK((single.gradient.col(k) - pairs.gradient[k].diagonal()).norm() < 1e-9);
    if (rows.parts.empty()) continue;
    rows.parts[0].level = {kNewLevel, kNoLevel, kNewLevel};
    for (std::size_t j = 1; j < rows.parts.size(); ++j) rows.parts[j].level.assign(3, kNoLevel);
    const auto lambda = one.lambdas(one.psi);
    const Matrix phi = (x.transpose() * one.v(one.psi).inverse() * x).inverse();
    const RowVariances fresh = contrast_rows(one.spec(), one.point, rows, Control());
    for (Index i = 0; i < 3; ++i) {
      double expected = l.row(i).dot(phi * l.row(i).transpose());
      if (i != 1) expected += (rows.parts[0].basis.row(i) * lambda[0]).squaredNorm();
      CHECK(fresh.variance[i] == Approx(expected).epsilon(1e-10));
    }
    const auto conditional = conditional_variances(one.spec(), one.point, Control());
    const Matrix inverse = one.v(one.psi).inverse(), g = one.g(one.psi);
    const Matrix posterior = g - g * z.transpose() * inverse * z * g;
    const Index k = conditional[0].rows();
    CHECK(relative(conditional[0].middleCols(2 * k, k), posterior.block(2 * k, 2 * k, k, k)) <
          1e-10);
  }
}

TEST_CASE("Kenward and Roger's matrices beside a residual structure are the dense ones",
          "[structured]") {
  for (const StructuredCase& one : structured_cases()) {
    const Index size = one.psi.size();
    const Matrix root = Matrix::Random(size, size), w = root * root.transpose();
    const StructuredInformation found = variance_information(one.spec(), one.point, w, Control());
    const Matrix x = one.of.data.X, inverse = one.v(one.psi).inverse();
    const Matrix phi = (x.transpose() * inverse * x).inverse();
    const Matrix p = inverse - inverse * x * phi * x.transpose() * inverse;
    std::vector<Matrix> v;
    for (Index k = 0; k < size; ++k)
      v.push_back(one.slope([&](const Vector& at) { return one.v(at); }, k));
    Matrix traces(size, size), products = Matrix::Zero(3, 3);
    const Matrix half = inverse * x * phi;
    INFO(one.of.shape.recipe.name);
    for (Index k = 0; k < size; ++k) {
      CHECK(relative(found.derivatives[k], half.transpose() * v[k] * half) < 1e-7);
      for (Index l = 0; l < size; ++l) {
        traces(k, l) = (p * v[k] * p * v[l]).trace();
        products += w(k, l) * half.transpose() * v[k] * p * v[l] * half;
      }
    }
    CHECK(relative(found.reml, traces) < 1e-7);
    CHECK(relative(found.expected, 2.0 * traces.inverse()) < 1e-5);
    CHECK(relative(found.observed_products, products) < 1e-7);
  }
}

TEST_CASE("second derivatives by natural residual parameters are those of the dense matrix",
          "[structured]") {
  using Scale = StructureRecipe::Scale;
  struct Kind {
    const char* name;
    Scale scale;
    Beside beside;
    bool linear;
  };
  const Kind kinds[] = {{"us", Scale::none, Beside::nothing, true},
                        {"cs", Scale::none, Beside::nothing, true},
                        {"toep", Scale::none, Beside::nothing, true},
                        {"hf", Scale::none, Beside::nothing, true},
                        {"ar1", Scale::none, Beside::nothing, false},
                        {"ar1", Scale::each, Beside::groups, false},
                        {"sp_exp", Scale::none, Beside::dispersion, false}};
  for (const Kind& kind : kinds) {
    const StructuredCase one(shape_named(kind.name, kind.scale), kind.beside);
    const Index size = one.psi.size();
    const Matrix root = Matrix::Random(size, size), w = root * root.transpose();
    const StructuredInformation found = variance_information(one.spec(), one.point, w, Control());
    const Matrix x = one.of.data.X, inverse = one.v(one.psi).inverse();
    const Matrix phi = (x.transpose() * inverse * x).inverse(), half = inverse * x * phi;
    INFO(kind.name);
    if (kind.linear) {
      CHECK(found.observed_bend.norm() < 1e-9 * found.observed_products.norm());
      continue;
    }
    // By natural parameters: variances and correlations or ranges, gamma, sigma^2.
    const StructuredSpecification whole = one.spec();
    StructuredEngine engine(whole, Control());
    const CovarianceShape& shape = engine.structure.shape();
    const auto about = shape.parameters();
    const Index each = shape.parameter_count(), groups = one.of.groups;
    const auto natural = [&](const Vector& psi) {
      Vector out = psi;
      for (Index g = 0; g < groups; ++g) {
        Vector own = shape.natural(psi.segment(g * each, each));
        for (Index i = 0; i < each; ++i) {
          if (about[i].kind == ShapeParameter::Kind::sd) own[i] *= own[i];
        }
        out.segment(g * each, each) = own;
      }
      if (one.has_sigma) out[size - 1] = std::exp(psi[size - 1]);
      return out;
    };
    const auto search = [&](const Vector& at) {
      Vector out = at;
      for (Index g = 0; g < groups; ++g) {
        Vector own = at.segment(g * each, each);
        for (Index i = 0; i < each; ++i) {
          if (about[i].kind == ShapeParameter::Kind::sd) own[i] = std::sqrt(own[i]);
        }
        out.segment(g * each, each) = shape.from_natural(own);
      }
      if (one.has_sigma) out[size - 1] = std::log(at[size - 1]);
      return out;
    };
    Matrix jacobian(size, size);
    for (Index k = 0; k < size; ++k) {
      Vector up = one.psi, down = one.psi;
      up[k] += 1e-5;
      down[k] -= 1e-5;
      jacobian.col(k) = (natural(up) - natural(down)) / 2e-5;
    }
    const Matrix own = jacobian * w * jacobian.transpose();
    const Vector at = natural(one.psi);
    Matrix bend = Matrix::Zero(3, 3);
    const double h = 1e-3;
    for (Index k = 0; k < size; ++k) {
      for (Index l = 0; l < size; ++l) {
        const auto value = [&](double a, double b) {
          Vector moved = at;
          moved[k] += a * h;
          moved[l] += b * h;
          return one.v(search(moved));
        };
        const Matrix second =
            (value(1, 1) - value(1, -1) - value(-1, 1) + value(-1, -1)) / (4.0 * h * h);
        bend += own(k, l) * half.transpose() * second * half;
      }
    }
    CHECK(relative(found.observed_bend, bend) < 1e-4);
  }
}
