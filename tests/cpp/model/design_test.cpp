#include "core/model/design.h"

#include "catch.h"
#include "simulated_data.h"

using namespace tiers;

TEST_CASE("the unit of a linear predictor multiplies the internal rows and nothing else") {
  const tiers_test::Data data = tiers_test::simulate(tiers_test::Design::two_terms);
  const Specification plain = data.specification(false);
  const std::vector<Rescaling> affine(plain.terms.size(), Rescaling::affine);
  const Design one(plain, {affine, false}), other(plain, {affine, false, 1024.0});
  const Vector beta = Vector::LinSpaced(one.rank(), 1.0, 2.0);
  CHECK((other.user_coefficients(beta) - 1024.0 * one.user_coefficients(beta)).norm() == 0.0);
  CHECK((other.internal_coefficients(other.user_coefficients(beta)) - beta).norm() < 1e-12);
  Vector x(one.rank()), x_unit(one.rank());
  for (std::size_t j = 0; j < plain.terms.size(); ++j) {
    const Index k = plain.terms[j].columns;
    Vector z(k), z_unit(k);
    for (Index i = 0; i < 5; ++i) {
      one.fixed_row(i, x.data());
      other.fixed_row(i, x_unit.data());
      CHECK((x_unit - 1024.0 * x).norm() == 0.0);
      one.random_row(static_cast<int>(j), i, z.data());
      other.random_row(static_cast<int>(j), i, z_unit.data());
      CHECK((z_unit - 1024.0 * z).norm() == 0.0);
    }
    CHECK(
        (other.mode_map(static_cast<int>(j)) - 1024.0 * one.mode_map(static_cast<int>(j))).norm() ==
        0.0);
  }
}
