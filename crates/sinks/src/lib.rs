//! Ships rounds of numbers to other stores.
