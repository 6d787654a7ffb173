#include "core/blocks/cross_products.h"

#include "catch.h"
#include "dense_twin.h"

using namespace tiers;
using namespace tiers_test;

namespace {

// Every block of A against Z'WZ, Z'WX and X'WX.
void check_blocks(const DenseTwin& twin, const CrossProducts& cross, const Vector& w,
                  bool with_fixed) {
  const BlockLayout& layout = twin.layout;
  const Matrix x = with_fixed ? twin.X : Matrix(twin.X.rows(), 0);
  const Matrix zz = twin.Z.transpose() * w.asDiagonal() * twin.Z;
  const Matrix zx = twin.Z.transpose() * w.asDiagonal() * x;
  double worst = 0.0;
  for (std::size_t c = 0; c < layout.chain().size(); ++c) {
    const ChainLevel& level = layout.chain()[c];
    const Index k = level.columns;
    for (Index unit = 0; unit < level.units; ++unit) {
      const Index at = layout.coordinate(level.grouping, unit);
      const ConstMatrixMap own(cross.own(static_cast<int>(c)).data() + unit * k * k, k, k);
      worst = std::max(worst, distance(own, zz.block(at, at, k, k)));
      const auto others = twin.coordinates(static_cast<int>(c), unit);
      const Index count = static_cast<Index>(others.size());
      const ConstMatrixMap panel(cross.panel(static_cast<int>(c)).data() + level.panel_start[unit],
                                 k, count + x.cols());
      for (Index a = 0; a < count; ++a) {
        worst = std::max(worst, distance(panel.col(a), zz.block(at, others[a], k, 1)));
      }
      worst = std::max(worst, distance(panel.rightCols(x.cols()), zx.middleRows(at, k)));
    }
  }
  CHECK(worst < 1e-12);
  const Index q = layout.remainder_columns();
  CHECK(distance(cross.remainder().triangularView<Eigen::Lower>(),
                 Matrix(zz.bottomRightCorner(q, q).triangularView<Eigen::Lower>())) < 1e-12);
  CHECK(distance(cross.remainder_fixed(), zx.bottomRows(q)) < 1e-12);
  CHECK(
      distance(cross.fixed().triangularView<Eigen::Lower>(),
               Matrix(Matrix(x.transpose() * w.asDiagonal() * x).triangularView<Eigen::Lower>())) <
      1e-12);
}

// One value a packed row from one a row of the design.
Vector packed(const DenseTwin& twin, const Vector& w) {
  Vector out(twin.rows.size());
  for (Index i = 0; i < out.size(); ++i) out[i] = w[twin.rows.source()[i]];
  return out;
}

}  // namespace

TEST_CASE("cross-products of one pass are those of dense matrices") {
  for (unsigned seed = 1; seed <= kDesigns; ++seed) {
    const DenseTwin twin(seed);
    check_blocks(twin, twin.cross, twin.w, true);
  }
}

TEST_CASE("cross-products by working weights of both signs are those of dense matrices") {
  for (unsigned seed = 1; seed <= kDesigns; ++seed) {
    const DenseTwin twin(seed);
    Vector w = Vector::Ones(twin.data.n);
    for (Index i = 0; i < w.size(); ++i) {
      if (i % 3 == 1) w[i] = -0.4;
      if (twin.w[i] == 0.0) w[i] = 0.0;
    }
    CrossProducts cross(twin.design, twin.layout);
    for (const bool fixed : {true, false}) {
      cross.reweight(twin.rows, packed(twin, w), fixed, nullptr);
      check_blocks(twin, cross, w, fixed);
    }
    // In pieces, after another A.
    cross.clear(true);
    const Vector by_row = packed(twin, w);
    for (Index start = 0; start < twin.rows.size(); start += 7) {
      cross.add(twin.rows, by_row, start, std::min<Index>(7, twin.rows.size() - start));
    }
    check_blocks(twin, cross, w, true);
  }
}

TEST_CASE("products with A, with a response and means over levels are those of dense matrices") {
  for (unsigned seed = 1; seed <= kDesigns; ++seed) {
    DenseTwin twin(seed);
    const Matrix weighted = twin.w.asDiagonal() * twin.Z;
    const Matrix w = Matrix::Random(twin.Z.cols(), 3);
    Matrix random, fixed;
    twin.cross.multiply(w, random, fixed);
    CHECK(distance(random, weighted.transpose() * (twin.Z * w)) < 1e-12);
    CHECK(distance(fixed, twin.X.transpose() * (weighted * w)) < 1e-12);
    twin.cross.set_response(twin.data.y);
    const Vector wy = twin.w.cwiseProduct(twin.data.y);
    CHECK(distance(twin.cross.random_response(), twin.Z.transpose() * wy) < 1e-12);
    CHECK(distance(twin.cross.fixed_response(), twin.X.transpose() * wy) < 1e-12);
    CHECK(twin.cross.response_square() == Approx(twin.data.y.dot(wy)));
    const Matrix zz = twin.Z.transpose() * weighted;
    for (std::size_t f = 0; f < twin.layout.groupings().size(); ++f) {
      const Grouping& grouping = twin.layout.groupings()[f];
      Matrix mean = Matrix::Zero(grouping.columns, grouping.columns);
      for (Index level = 0; level < grouping.levels; ++level) {
        const Index at = twin.layout.coordinate(static_cast<int>(f), level);
        mean += zz.block(at, at, grouping.columns, grouping.columns) /
                static_cast<double>(grouping.levels);
      }
      CHECK(distance(twin.cross.mean_own(static_cast<int>(f)), mean) < 1e-12);
    }
  }
}
