//! The scenarios stand in `scenarios/`, what looks back at them in `afterwards/`.
