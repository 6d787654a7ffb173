#include "response_family.h"

namespace tiers {

ResponseRows part_of(const ResponseRows& rows, Index start, Index n) {
  ResponseRows part = rows;
  part.n = n;
  part.y = part_of(rows.y, start);
  part.size = part_of(rows.size, start);
  part.weight = part_of(rows.weight, start);
  part.frequency = part_of(rows.frequency, start);
  part.constant = part_of(rows.constant, start);
  part.row = part_of(rows.row, start);
  if (rows.phi_by_row) part.phi = part_of(rows.phi, start);
  return part;
}

RowDerivatives part_of(const RowDerivatives& rows, Index start) {
  return {part_of(rows.logp, start),    part_of(rows.s, start),
          part_of(rows.w, start),       part_of(rows.w_fallback, start),
          part_of(rows.dw, start),      part_of(rows.dlogp_dphi, start),
          part_of(rows.ds_dphi, start), part_of(rows.dw_dphi, start)};
}

}  // namespace tiers
