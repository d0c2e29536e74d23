//! Which containers a request means.
