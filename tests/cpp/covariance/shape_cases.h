// Every shape with parameters and its formula written out, for tests.
#pragma once

#include <cmath>
#include <functional>

#include "core/covariance/shape_registry.h"

namespace tiers {

// The entry of the correlation (or covariance) matrix for visits v and w, times a and b.
struct Place {
  int visit;
  double time;
};
struct ShapeCase {
  StructureRecipe recipe;
  std::vector<double> phi;
  std::function<double(const std::vector<double>& phi, Place i, Place j)> entry;
  bool has_scale = true;    // a correlation matrix
  bool is_definite = true;  // of full rank
};

inline ShapeCase shape_case(const std::string& name, std::vector<double> phi,
                            std::function<double(const std::vector<double>&, Place, Place)> entry) {
  ShapeCase out;
  out.recipe.name = name;
  out.recipe.visits = 5;
  out.phi = std::move(phi);
  out.entry = std::move(entry);
  return out;
}

inline double lag_of(Place i, Place j) { return std::abs(i.time - j.time); }

inline std::vector<ShapeCase> shape_cases() {
  using P = const std::vector<double>&;
  std::vector<ShapeCase> out;
  const auto add = [&](const std::string& name, std::vector<double> phi,
                       std::function<double(P, Place, Place)> entry) -> ShapeCase& {
    out.push_back(shape_case(name, std::move(phi), std::move(entry)));
    return out.back();
  };
  const auto same = [](Place i, Place j) { return i.visit == j.visit; };

  add("id", {}, [=](P, Place i, Place j) { return same(i, j) ? 1.0 : 0.0; });
  add("diag", {}, [=](P, Place i, Place j) { return same(i, j) ? 1.0 : 0.0; });
  for (const char* name : {"cs", "csh"}) {
    for (const double rho : {0.4, -0.2})
      add(name, {rho}, [=](P p, Place i, Place j) { return same(i, j) ? 1.0 : p[0]; });
  }
  for (const char* name : {"ar1", "ar1h"}) {
    for (const double rho : {0.6, -0.5})
      add(name, {rho}, [](P p, Place i, Place j) { return std::pow(p[0], lag_of(i, j)); });
  }
  for (const char* name : {"ou", "sp_pow", "sp_exp"}) {
    add(name, {0.7},
        [](P p, Place i, Place j) { return std::exp(-lag_of(i, j) / std::exp(p[0])); });
  }
  add("sp_gau", {0.7}, [](P p, Place i, Place j) {
    return std::exp(-std::pow(lag_of(i, j) / std::exp(p[0]), 2.0));
  });
  add("sp_ratio", {0.7}, [](P p, Place i, Place j) {
    return 1.0 / (1.0 + std::pow(lag_of(i, j) / std::exp(p[0]), 2.0));
  });
  add("sp_sph", {1.5}, [](P p, Place i, Place j) {
    const double x = lag_of(i, j) / std::exp(p[0]);
    return x < 1.0 ? 1.0 - 1.5 * x + 0.5 * x * x * x : 0.0;
  });
  add("sp_lin", {1.5},
      [](P p, Place i, Place j) { return std::max(0.0, 1.0 - lag_of(i, j) / std::exp(p[0])); });
  add("sp_mat", {0.4, 0.3}, [](P p, Place i, Place j) {
    const double x = lag_of(i, j) / std::exp(p[0]), nu = std::exp(p[1]);
    if (x == 0.0) return 1.0;
    return std::pow(2.0, 1.0 - nu) / std::tgamma(nu) * std::pow(x, nu) * std::cyl_bessel_k(nu, x);
  });
  add("sp_mat", {0.4}, [](P p, Place i, Place j) {
    const double x = lag_of(i, j) / std::exp(p[0]);
    return (1.0 + x) * std::exp(-x);
  }).recipe.smoothness = 1.5;
  for (const char* name : {"toep", "toeph"}) {
    // Lags of times 0, 1, 3, 4, 7.
    add(name, {0.5, 0.3, 0.25, 0.2, 0.1, 0.05}, [](P p, Place i, Place j) {
      const int lag = static_cast<int>(lag_of(i, j));
      const int which[] = {-1, 0, 1, 2, 3, -1, 4, 5};
      return lag == 0 ? 1.0 : p[which[lag]];
    }).recipe.lags = {1.0, 2.0, 3.0, 4.0, 6.0, 7.0};
  }
  // By partial autocorrelations 0.5, 0.2: the second correlation is 0.25 + 0.2 (1 - 0.25).
  ShapeCase& partial = add("toep", {0.5, 0.2}, [](P p, Place i, Place j) {
    const double lag = std::abs(i.visit - j.visit);
    return lag == 0.0 ? 1.0 : lag == 1.0 ? p[0] : p[0] * p[0] + p[1] * (1.0 - p[0] * p[0]);
  });
  partial.recipe.partial = true;
  partial.recipe.visits = 3;
  ShapeCase& banded = add("toep", {0.4, 0.1}, [](P p, Place i, Place j) {
    const double lag = lag_of(i, j);
    return lag == 0.0 ? 1.0 : lag > 2.0 ? 0.0 : p[lag == 1.0 ? 0 : 1];
  });
  banded.recipe.visits = 8;
  banded.recipe.band = 3;
  add("ante", {0.6, -0.3, 0.5, 0.8}, [](P p, Place i, Place j) {
    double product = 1.0;
    for (int v = std::min(i.visit, j.visit); v < std::max(i.visit, j.visit); ++v) product *= p[v];
    return product;
  });
  add("arma11", {0.7, 0.4}, [](P p, Place i, Place j) {
    const double h = lag_of(i, j);
    return h == 0.0 ? 1.0 : 0.5 * (p[0] + p[1]) * std::pow(p[0], h - 1.0);
  });
  // By sums over the past: x_t = sum_k psi_k e_(t-k).
  const auto by_past = [](std::vector<double> a, std::vector<double> b, double lag) {
    std::vector<double> psi{1.0};
    for (std::size_t k = 1; k < 400; ++k) {
      double sum = k <= b.size() ? b[k - 1] : 0.0;
      for (std::size_t j = 1; j <= std::min(k, a.size()); ++j) sum += a[j - 1] * psi[k - j];
      psi.push_back(sum);
    }
    double top = 0.0, bottom = 0.0;
    const auto h = static_cast<std::size_t>(lag);
    for (std::size_t k = 0; k + h < psi.size(); ++k) top += psi[k] * psi[k + h];
    for (const double one : psi) bottom += one * one;
    return top / bottom;
  };
  ShapeCase& mixed = add("arma", {0.5, -0.3, 0.4}, [=](P p, Place i, Place j) {
    return by_past({p[0] - p[1] * p[0], p[1]}, {-p[2]}, lag_of(i, j));
  });
  mixed.recipe.ar = 2;
  ShapeCase& moving = add("arma", {-0.4, 0.3}, [=](P p, Place i, Place j) {
    return by_past({}, {-(p[0] - p[1] * p[0]), -p[1]}, lag_of(i, j));
  });
  moving.recipe.ar = 0;
  moving.recipe.ma = 2;

  const auto of_factor = [](std::vector<std::vector<double>> rows, Place i, Place j) {
    double sum = 0.0;
    for (std::size_t b = 0; b < rows[i.visit].size() && b < rows[j.visit].size(); ++b)
      sum += rows[i.visit][b] * rows[j.visit][b];
    return sum;
  };
  ShapeCase& us = add("us", {1.0, 0.3, 0.2, 1.1, -0.4, 0.8}, [=](P p, Place i, Place j) {
    return of_factor({{p[0]}, {p[1], p[3]}, {p[2], p[4], p[5]}}, i, j);
  });
  us.recipe.visits = 3;
  us.has_scale = false;
  ShapeCase& band = add("us", {1.0, 0.3, 1.1, -0.4, 0.8}, [=](P p, Place i, Place j) {
    return of_factor({{p[0]}, {p[1], p[2]}, {0.0, p[3], p[4]}}, i, j);
  });
  band.recipe.visits = 3;
  band.recipe.band = 2;
  band.has_scale = false;
  const std::vector<double> loadings{0.9, 0.5, -0.4, 0.7, 0.6, 0.3};
  for (const auto uniqueness :
       {StructureRecipe::Uniqueness::each, StructureRecipe::Uniqueness::common,
        StructureRecipe::Uniqueness::none}) {
    const std::size_t own = uniqueness == StructureRecipe::Uniqueness::each     ? 4
                            : uniqueness == StructureRecipe::Uniqueness::common ? 1
                                                                                : 0;
    std::vector<double> phi{0.9, 0.5, -0.4, 0.7, 0.6, 0.3, 0.2};
    for (std::size_t k = 0; k < own; ++k) phi.push_back(0.5 + 0.1 * static_cast<double>(k));
    ShapeCase& fa = add(own == 0 ? "rr" : "fa", phi, [=](P p, Place i, Place j) {
      double sum = of_factor({{p[0]}, {p[1], p[4]}, {p[2], p[5]}, {p[3], p[6]}}, i, j);
      if (same(i, j) && own > 0) sum += std::pow(p[own == 1 ? 7 : 7 + i.visit], 2.0);
      return sum;
    });
    fa.recipe.visits = 4;
    fa.recipe.rank = 2;
    fa.recipe.uniqueness = uniqueness;
    fa.has_scale = false;
    fa.is_definite = own > 0;
  }
  // s and lambda: the cone's parameters are mapped to them in the test of natural values.
  ShapeCase& hf = add("hf", {-0.4, 0.8, 0.3, -0.2}, [](P p, Place i, Place j) {
    const double root2 = std::sqrt(2.0), root6 = std::sqrt(6.0), lambda = std::exp(p[0]);
    const double square = p[2] * p[2] + p[3] * p[3];
    const double mean = lambda * (3.0 * square - 1.0 + std::exp(p[1])) / 6.0;
    const double a[] = {mean + lambda * (p[2] / root2 + p[3] / root6),
                        mean + lambda * (-p[2] / root2 + p[3] / root6),
                        mean - lambda * 2.0 * p[3] / root6};
    const double si = 2.0 * a[i.visit] + lambda, sj = 2.0 * a[j.visit] + lambda;
    return i.visit == j.visit ? si : 0.5 * (si + sj) - lambda;
  });
  hf.recipe.visits = 3;
  hf.has_scale = false;
  ShapeCase& lin = add("lin", {0.8, 0.3}, [=](P p, Place i, Place j) {
    return (same(i, j) ? p[0] : 0.0) + p[1] * (1.0 + i.visit * j.visit);
  });
  lin.recipe.visits = 4;
  lin.has_scale = false;
  Matrix second(4, 4);
  for (Index i = 0; i < 4; ++i) {
    for (Index j = 0; j < 4; ++j) second(i, j) = 1.0 + static_cast<double>(i * j);
  }
  lin.recipe.matrices = {Matrix::Identity(4, 4), second};

  // us over two traits, ar1 over three times.
  ShapeCase& product = add("kronecker", {1.0, 0.5, 0.9, 0.6}, [](P p, Place i, Place j) {
    const double f[2][2] = {{p[0], 0.0}, {p[1], p[2]}};
    const int a = i.visit / 3, b = j.visit / 3;
    return (f[a][0] * f[b][0] + f[a][1] * f[b][1]) *
           std::pow(p[3], std::abs(i.visit % 3 - j.visit % 3));
  });
  product.recipe.visits = 6;
  product.recipe.children.resize(2);
  product.recipe.children[0].name = "us";
  product.recipe.children[0].visits = 2;
  product.recipe.children[0].dimensions = 0;
  product.recipe.children[1].name = "ar1h";
  product.recipe.children[1].visits = 3;
  product.has_scale = false;
  return out;
}

// Each with every scale, without and with a nugget; the wrappers' formulas written out.
inline std::vector<ShapeCase> wrapped_shape_cases() {
  using Scale = StructureRecipe::Scale;
  std::vector<ShapeCase> out;
  for (const ShapeCase& one : shape_cases()) {
    if (!one.has_scale) {
      out.push_back(one);
      continue;
    }
    for (const Scale scale : {Scale::none, Scale::common, Scale::each}) {
      for (const bool nugget : {false, true}) {
        ShapeCase next = one;
        next.recipe.scale = scale;
        next.recipe.nugget = nugget;
        next.has_scale = scale == Scale::none;
        const std::size_t sds = scale == Scale::none     ? 0
                                : scale == Scale::common ? 1
                                                         : next.recipe.visits;
        std::vector<double> phi;
        for (std::size_t a = 0; a < sds; ++a) phi.push_back(0.2 - 0.1 * static_cast<double>(a));
        phi.insert(phi.end(), one.phi.begin(), one.phi.end());
        if (nugget) phi.push_back(0.3);
        next.phi = phi;
        const auto inner = one.entry;
        next.entry = [=](const std::vector<double>& p, Place i, Place j) {
          const std::vector<double> own(p.begin() + static_cast<std::ptrdiff_t>(sds),
                                        p.end() - (nugget ? 1 : 0));
          double entry = inner(own, i, j);
          if (nugget) entry = (1.0 - p.back()) * entry + (i.visit == j.visit ? p.back() : 0.0);
          if (sds > 0) entry *= std::exp(p[sds == 1 ? 0 : i.visit] + p[sds == 1 ? 0 : j.visit]);
          return entry;
        };
        out.push_back(next);
      }
    }
  }
  return out;
}

// All visits of a case but one, in no order: times 0, 1, 3, 4, 7 (of a product 0, 1, 2).
inline std::vector<Place> some_places(const ShapeCase& one) {
  const double times[] = {0.0, 1.0, 3.0, 4.0, 7.0};
  const bool product = !one.recipe.children.empty() || one.recipe.partial;
  std::vector<Place> out;
  for (const int visit : {3, 0, 4, 1, 2}) {
    if (visit >= one.recipe.visits || (visit == 1 && one.recipe.visits > 3)) continue;
    out.push_back({visit, product ? visit % 3 : times[visit]});
  }
  return out;
}

inline Positions positions_of(const std::vector<Place>& places) {
  Positions out;
  out.coordinates.resize(static_cast<Index>(places.size()), 1);
  for (std::size_t i = 0; i < places.size(); ++i) {
    out.visits.push_back(places[i].visit);
    out.coordinates(static_cast<Index>(i), 0) = places[i].time;
  }
  return out;
}

}  // namespace tiers
