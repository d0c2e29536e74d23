//! From what nodes say to what people ask: rates, names, sums.
