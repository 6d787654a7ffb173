#include "core/blocks/packed_rows.h"

#include "catch.h"
#include "dense_twin.h"

using namespace tiers;
using namespace tiers_test;

namespace {

// Values of packed rows from dense rows of the design.
Matrix picked(const PackedRows& rows, const Matrix& dense) {
  Matrix out(rows.size(), dense.cols());
  for (Index i = 0; i < rows.size(); ++i) out.row(i) = dense.row(rows.source()[i]);
  return out;
}

}  // namespace

TEST_CASE("packed rows have the products of the dense rows that count") {
  for (unsigned seed = 1; seed <= kDesigns; ++seed) {
    const DenseTwin twin(seed);
    const Matrix x = picked(twin.rows, twin.X), z = picked(twin.rows, twin.Z);
    CHECK(twin.rows.size() == (twin.w.array() > 0.0).count());
    CHECK(distance(twin.rows.fixed(), x.transpose()) < 1e-15);
    const Vector b = Vector::Random(twin.Z.cols()), r = Vector::Random(twin.rows.size());
    Vector eta = Vector::Zero(twin.rows.size());
    twin.rows.add_random(b, eta);
    CHECK(distance(eta, z * b) < 1e-14);
    CHECK(distance(twin.rows.project_random(r), z.transpose() * r) < 1e-14);
    CHECK(distance(twin.rows.project_fixed(r), x.transpose() * r) < 1e-14);
    Vector in_pieces = Vector::Zero(twin.Z.cols());
    for (Index start = 0; start < twin.rows.size(); start += 9) {
      twin.rows.project_random(r, start, std::min<Index>(9, twin.rows.size() - start), in_pieces);
    }
    CHECK(distance(in_pieces, z.transpose() * r) < 1e-14);
  }
}

TEST_CASE("equal rows are packed as one, with their number") {
  Index fewer = 0;
  for (unsigned seed = 1; seed <= kDesigns; ++seed) {
    const DenseTwin twin(seed);
    // Everything else is equal for every second row.
    const auto same = [](Index a, Index b) { return a % 2 == b % 2; };
    const PackedRows rows(twin.design, twin.layout, same);
    Vector found = Vector::Zero(rows.size());
    bool right = true;
    for (Index i = 0; i < twin.data.n; ++i) {
      const int at = rows.packed()[i];
      right = right && (at >= 0) == (twin.w[i] > 0.0);
      if (at < 0) continue;
      const Index source = rows.source()[at];
      right = right && same(i, source) && twin.X.row(i) == twin.X.row(source) &&
              twin.Z.row(i) == twin.Z.row(source);
      found[at] += 1.0;
    }
    CHECK(right);
    const Vector expected =
        rows.frequency().size() > 0 ? rows.frequency() : Vector(Vector::Ones(rows.size()));
    CHECK(found == expected);
    // No two packed rows of a unit are equal.
    for (Index a = 0; a < rows.size(); ++a) {
      for (Index b = 0; b < a; ++b) {
        const Index i = rows.source()[a], j = rows.source()[b];
        if (same(i, j) && twin.X.row(i) == twin.X.row(j) && twin.Z.row(i) == twin.Z.row(j))
          right = false;
      }
    }
    CHECK(right);
    fewer += twin.rows.size() - rows.size();
  }
  CHECK(fewer > 50);
}

TEST_CASE("a row's place among the coordinates of its leaf unit") {
  for (unsigned seed = 1; seed <= kDesigns; ++seed) {
    const DenseTwin twin(seed);
    const ChainLevel& leaf = twin.layout.chain()[0];
    LocalRows local(twin.rows);
    double worst = 0.0;
    for (Index unit = 0; unit < leaf.units; ++unit) {
      std::vector<Index> at;
      for (Index a = 0; a < leaf.columns; ++a)
        at.push_back(twin.layout.coordinate(leaf.grouping, unit) + a);
      for (const Index other : twin.coordinates(0, unit)) at.push_back(other);
      const Index size = static_cast<Index>(at.size());
      const Matrix any = Matrix::Random(size, size), m = any + any.transpose();
      for (Index i = twin.rows.unit_start(unit); i < twin.rows.unit_start(unit + 1); ++i) {
        local.move_to(i);
        Vector z(size), sparse = Vector::Zero(size);
        for (Index a = 0; a < size; ++a) z[a] = twin.Z(twin.rows.source()[i], at[a]);
        for (Index a = 0; a < local.count(); ++a) sparse[local.place(a)] = local.value(a);
        worst = std::max(worst, distance(sparse, z));
        worst = std::max(worst, std::abs(local.quadratic(m) - z.dot(m * z)) / (1.0 + m.norm()));
      }
    }
    CHECK(worst < 1e-12);
  }
}
